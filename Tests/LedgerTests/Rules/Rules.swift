/// The money rules of the design, by number, and what keeps each. `Migrations/README.md` is the same table for people;
/// a test compares the two, and another breaks each rule on purpose.
enum MoneyRule: Int, CaseIterable, Sendable {
    case reservedWithTask = 1
    case neverOverspent
    case settleWithinReservation
    case endsOnce
    case oneTransaction
    case durable
    case entriesStay
    case idempotent
    case unknownIsNotFailed
    case onlyCompletedCosts
    case grantsExpire
}

/// A rule broken on purpose: each replacement must find its text in the migrations, so that none grows stale.
struct BrokenBuild: Sendable, CustomStringConvertible {
    struct Replacement: Sendable {
        let file: String
        let text: String
        let by: String
    }

    let rule: MoneyRule
    let description: String
    let replacements: [Replacement]

    private init(_ rule: MoneyRule, _ description: String, _ replacements: [Replacement]) {
        self.rule = rule
        self.description = "rule \(rule.rawValue): \(description)"
        self.replacements = replacements
    }

    private static let ledger = "0003_ledger.sql"
    private static let credits = "0004_credits.sql"
    private static let queue = "0005_tasks_queue.sql"
    private static let admit = "0007_admit_tasks.sql"
    private static let close = "0008_run_and_close_tasks.sql"
    private static let pictures = "0014_pictures.sql"
    private static let submits = "0016_provider_submits.sql"
    private static let bills = "0018_usage_bills.sql"

    private static func replace(_ file: String, _ text: String, _ by: String) -> Replacement {
        Replacement(file: file, text: text, by: by)
    }

    static let all = [
        BrokenBuild(.reservedWithTask, "a task without its entry", [
            replace(
                admit,
                "from unnest(p_ids, v_wallet, v_price, v_reserved) i (id, wallet, price, reserved) where i.price is not null;",
                "from unnest(p_ids, v_wallet, v_price, v_reserved) i (id, wallet, price, reserved) where false;")
        ]),
        BrokenBuild(.reservedWithTask, "a task without its reservation", [
            replace(admit, "w_taken[r.wi] := w_taken[r.wi] + r.quote;", "null;")
        ]),
        BrokenBuild(.reservedWithTask, "the pictures after the first are not reserved", [
            replace(pictures, "q.quote * i.pictures quote,", "q.quote,")
        ]),
        BrokenBuild(.neverOverspent, "the balance is not looked at", [
            replace(admit, "elsif w_available[r.wi] < r.quote then", "elsif false then"),
            replace("0002_accounts_keys.sql", " constraint wallets_available_not_negative check (available >= 0)", ""),
            replace(
                "0002_accounts_keys.sql", "check (expiring between 0 and available)", "check (expiring >= 0)"),
        ]),
        BrokenBuild(.neverOverspent, "the code forgets, the constraint does not", [
            replace(admit, "elsif w_available[r.wi] < r.quote then", "elsif false then")
        ]),
        BrokenBuild(.neverOverspent, "wallets are not locked", [
            replace(
                admit,
                """
                    perform from wallets w where w.id in (select k.wallet_id from api_keys k where k.id = any (p_keys))
                        order by w.id for no key update;
                """, "")
        ]),
        BrokenBuild(.settleWithinReservation, "units beyond the most are charged", [
            replace(
                pictures, "else least(t.reserved, price_of_task(p.rule, p.amount, p.units_max, e.units, t.pictures)) end settled",
                "else p.amount * greatest(e.units, 0) end settled"),
            replace(queue, "check (settled between 0 and reserved)", "check (settled >= 0)"),
        ]),
        BrokenBuild(.endsOnce, "a cancelled task keeps its lease", [
            replace(
                close,
                """
                        delete from leases l using chosen c where p_running and l.task_id = c.id
                        returning l.task_id, l.wallet_id, l.lease, l.node, l.attempt, l.started_at),
                """,
                """
                        select l.task_id, l.wallet_id, l.lease, l.node, l.attempt, l.started_at
                        from leases l join chosen c on p_running and l.task_id = c.id),
                """),
            replace(ledger, "create unique index entries_once", "create index entries_once"),
        ]),
        BrokenBuild(.oneTransaction, "no callback row", [
            replace(close, "where j.callback_url is not null)", "where false)")
        ]),
        BrokenBuild(.oneTransaction, "no usage fact", [
            replace(close, "        from judged j),\n    tried as (", "        from judged j where false),\n    tried as (")
        ]),
        BrokenBuild(.durable, "a faster commit", [
            replace(
                admit, "set plan_cache_mode = force_generic_plan as $$",
                "set plan_cache_mode = force_generic_plan set synchronous_commit = off as $$")
        ]),
        BrokenBuild(.entriesStay, "nothing keeps the owner from it", [
            replace(
                ledger,
                """
                create trigger entries_immutable before update or delete on entries for each row execute function refuse_change();
                """, "")
        ]),
        BrokenBuild(.entriesStay, "the service may change entries", [
            replace(
                ledger, "grant select on entries, usage_facts to zimage_service;",
                "grant select, update, delete on entries, usage_facts to zimage_service;")
        ]),
        BrokenBuild(.idempotent, "the key is not kept", [
            replace(admit, "where i.key is not null and not i.known and (i.price", "where false and (i.price")
        ]),
        BrokenBuild(.idempotent, "the body is not compared", [
            replace(admit, "r.idem_fingerprint <> r.fingerprint then", "false then")
        ]),
        BrokenBuild(.idempotent, "a refusal is forgotten", [
            replace(admit, "and (i.price is not null or i.refusal is not null)", "and i.price is not null")
        ]),
        BrokenBuild(.unknownIsNotFailed, "a silent worker fails its task", [
            replace(close, ">= p_attempts_max)", ">= 1)")
        ]),
        BrokenBuild(.unknownIsNotFailed, "a second provider is paid while the first may be at work", [
            replace(submits, "s.picture = p_picture and s.state <> 'refused') then", "false) then"),
            replace(submits, "create unique index provider_submits_one_paid", "create index provider_submits_one_paid"),
        ]),
        BrokenBuild(.unknownIsNotFailed, "what may be billed for it is not reported", [
            replace(bills, "after insert or update of state, cost, currency on provider_submits", "after insert on provider_submits")
        ]),
        BrokenBuild(.onlyCompletedCosts, "a failed task is charged", [
            replace(close, "case when e.state <> 'completed' then 0", "case when e.state = 'cancelled' then 0"),
            replace(queue, "check (state = 'completed' or coalesce(settled, 0) = 0)", "check (true)"),
        ]),
        BrokenBuild(.grantsExpire, "the farthest date is spent first", [
            replace(
                credits, "over (partition by g.wallet_id order by g.expires_at, g.id) - g.remaining start",
                "over (partition by g.wallet_id order by g.expires_at desc, g.id) - g.remaining start")
        ]),
        BrokenBuild(.grantsExpire, "a grant expires a day early", [
            replace(
                credits, "and g.remaining > 0 and g.expires_at <= at),",
                "and g.remaining > 0 and g.expires_at <= at + interval '1 day'),"),
            replace(credits, "where next_expiry <= clock_timestamp() order", "where next_expiry is not null order"),
            replace(credits, "check (expired = 0 or coalesce(expired_at >= expires_at, false))", "check (true)"),
        ]),
        BrokenBuild(.grantsExpire, "expired credits are spent until somebody sweeps", [
            replace(admit, "if w_due is not null then perform expire_grants(w_due); end if;", "")
        ]),
    ]
}
