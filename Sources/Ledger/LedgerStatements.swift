public import Postgres

/// Every statement of the ledger.
public enum LedgerStatements {
    static let balance = Statement(
        "balance",
        """
        select w.available - d.due, w.reserved, w.granted, w.adjusted, w.settled, w.expired + d.due
        from wallets w, lateral (
            select coalesce(sum(g.remaining), 0)::bigint due from expiring_grants g
            where g.wallet_id = w.id and g.expires_at <= clock_timestamp() and w.next_expiry is not null) d
        where w.id = $1
        """)
    static let wallet = Statement(
        "wallet_find",
        """
        select w.id from accounts a join wallets w on w.account_id = a.id
        where a.name = $1 and w.mode = $2::account_mode
        """)
    static let grant = Statement("grant_credits", "select grant_credits($1, $2, $3, $4, $5)")
    static let adjust = Statement("adjust_credits", "select adjust_credits($1, $2, $3, $4)")
    static let expireDue = Statement("expire_due_grants", "select expire_due_grants(500)")
    /// Index `expiring_grants_of_wallet`.
    static let expiringGrants = Statement(
        "expiring_grants",
        """
        select g.id, g.amount, g.remaining, g.reserved, g.expires_at
        from expiring_grants g where g.wallet_id = $1 and g.remaining + g.reserved > 0
        order by g.expires_at, g.id limit 1000
        """)

    static let makeCode = Statement(
        "code_make",
        """
        insert into redemption_codes (digest, hint, amount, valid_until, credit_days, account_id, reason, actor)
        select $1, $2, $3, $4, $5, (select id from accounts where name = $6), $7, $8
        where $6::text is null or exists (select from accounts where name = $6) returning id
        """)
    static let redeemCode = Statement("code_redeem", "select * from redeem_code($1, $2, $3)")
    static let withdrawCode = Statement("code_withdraw", "select withdraw_code($1)")
    static let codes = Statement(
        "code_list",
        """
        select c.id, c.hint, c.amount, case when c.redeemed_at is not null then 'redeemed'
                when c.withdrawn_at is not null then 'withdrawn'
                when c.valid_until <= clock_timestamp() then 'too_late' else 'open' end,
            c.valid_until, c.credit_days, a.name, r.name, c.redeemed_at, c.reason, c.created_at
        from redemption_codes c left join accounts a on a.id = c.account_id
            left join wallets w on w.id = c.wallet_id left join accounts r on r.id = w.account_id
        order by c.id desc limit 1000
        """)

    static let quotaSubject = Statement(
        "quota_subject",
        """
        select case $1::quota_scope
            when 'key' then (select id from api_keys where id::text = $2)
            when 'account' then (select id from accounts where name = $2)
            else (select id from user_groups where name = $2) end
        """)
    static let timeZoneKnown = Statement(
        "time_zone_known", "select exists (select from pg_timezone_names where name = $1)")
    static let setQuota = Statement("quota_set", "select set_quota($1::quota_scope, $2, $3, $4, $5)")
    static let quota = Statement(
        "quota_find",
        "select daily, monthly, time_zone from quotas where scope = $1::quota_scope and subject_id = $2")
    /// A counter of an earlier window counts as empty.
    static let quotas = Statement(
        "quota_list",
        """
        select q.scope::text, case q.scope when 'key' then q.subject_id::text
                when 'account' then (select name from accounts where id = q.subject_id)
                else (select name from user_groups where id = q.subject_id) end,
            u.unit, u.cap, case when u.start >= s.start then u.used else 0 end, q.time_zone,
            window_end(u.unit, greatest(u.start, s.start), q.time_zone)
        from quotas q, lateral (values ('day', q.daily, q.day_start, q.day_used),
                ('month', q.monthly, q.month_start, q.month_used)) u (unit, cap, start, used),
            lateral (select window_start(u.unit, clock_timestamp(), q.time_zone) start) s
        where u.cap is not null and ($1::text is null or q.scope = $1::quota_scope)
            and ($2::bigint is null or q.subject_id = $2)
            and ($3::bigint is null or q.id in (
                select c.id from api_keys k join accounts a on a.id = k.account_id,
                    quotas_of(k.id, a.id, a.group_id, k.mode) c where k.id = $3))
        order by q.scope, 2, u.unit limit 1000
        """)
    /// Index `entries_of_wallet`.
    static let history = Statement(
        "history",
        """
        select e.id, e.at, e.kind::text, e.debit::text, e.credit::text, e.amount, e.task_id, t.created_at,
            e.grant_id, e.reason, e.actor
        from entries e left join tasks t on t.id = e.task_id
        where e.wallet_id = $1 and ($2::bigint is null or e.id < $2)
        order by e.id desc limit 1000
        """)
    static let replayed = Statement("admin_replay", "select fingerprint, result from admin_requests where key = $1")
    static let lockKey = Statement("admin_lock", "select pg_advisory_xact_lock(hashtextextended($1, 7216500332))")
    static let remember = Statement(
        "admin_remember", "insert into admin_requests (key, fingerprint, result) values ($1, $2, $3)")
    static let audit = Statement(
        "audit", "insert into audit_log (actor, command, target, reason, result) values ($1, $2, $3, $4, $5)")

    /// Index `audit_log_by_time`.
    static let audited = Statement(
        "audit_list",
        """
        select at, actor, command, target, reason, result from audit_log where at >= $1 order by at desc, id desc limit $2
        """)
    /// Index `audit_log_by_actor`.
    static let auditedBy = Statement(
        "audit_list_actor",
        """
        select at, actor, command, target, reason, result from audit_log
        where actor = $3 and at >= $1 order by at desc, id desc limit $2
        """)
    static let setPrices = Statement(
        "price_set",
        """
        select id, effective_from, replaced from set_prices($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """)
    static let withdrawPrice = Statement("price_withdraw", "select withdraw_price($1, $2, $3)")
    /// Holds off every other change of the group's prices until the end of the transaction.
    static let lockPrices = Statement(
        "price_lock", "select clock_timestamp() from user_groups where name = $1 for no key update")
    static let plannedPrices = Statement(
        "price_planned",
        """
        select p.id, m.name, p.operation::text, p.size_tier, p.effective_from
        from prices p join models m on m.id = p.model_id
        where p.group_id = (select id from user_groups where name = $1) and p.withdrawn_at is null
            and p.effective_from > clock_timestamp()
        """)
    static let knownModels = Statement("price_models", "select name from models where name = any($1)")
    static let prices = Statement(
        "price_list",
        """
        with versions as (
            select p.*, g.name group_name, m.name model, case when p.withdrawn_at is null then lead(p.effective_from) over (
                partition by p.group_id, p.model_id, p.operation, p.size_tier, p.withdrawn_at is null
                order by p.effective_from) end until
            from prices p join user_groups g on g.id = p.group_id join models m on m.id = p.model_id
            where ($1::text is null or g.name = $1) and ($2::text is null or m.name = $2))
        select v.id, v.model, v.operation::text, v.size_tier, v.rule::text, v.amount::bigint, v.units_max, v.effective_from,
            v.group_name, v.until,
            case when v.withdrawn_at is not null then 'withdrawn' when v.effective_from > statement_timestamp() then 'future'
                when v.until <= statement_timestamp() then 'past' else 'in_force' end,
            v.created_at, v.actor, v.reason, v.withdrawn_at, v.withdrawn_by, v.withdrawn_reason
        from versions v
        where ($3::timestamptz is null
                or v.withdrawn_at is null and v.effective_from <= $3 and (v.until is null or v.until > $3))
            and ($4::bigint is null or v.id = $4)
        order by v.group_name, v.model, v.operation, v.size_tier nulls first, v.effective_from desc, v.id desc limit 10001
        """)
    static let quotes = Statement(
        "price_quote",
        """
        with request as materialized (
            select i.n, own.id group_id, m.id model_id, i.operation::operation, i.tier, i.units, i.pictures,
                coalesce(i.at, clock_timestamp()) at
            from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::int[], $7::int[]) with ordinality
                    i (model, operation, tier, at, units, pictures, n)
                join user_groups own on own.name = $1 join models m on m.name = i.model)
        select p.id, g.name, p.size_tier, p.rule::text, p.amount::bigint, p.units_max, p.effective_from, f.quote * r.pictures,
            case when r.units is not null then price_of_task(p.rule, p.amount, p.units_max, r.units, r.pictures) end, r.n
        from request r cross join lateral price_in_force(r.group_id, r.model_id, r.operation, r.tier, r.at) f
            join prices p on p.id = f.price_id join user_groups g on g.id = p.group_id
        """)

    /// All of them, for the test that prepares each on a fresh database.
    public static let all =
        [
            balance, wallet, grant, adjust, expireDue, expiringGrants, makeCode, redeemCode, withdrawCode, codes,
            quotaSubject, timeZoneKnown, setQuota, quota, quotas, history, replayed, lockKey, remember, audit, audited, auditedBy,
            setPrices, withdrawPrice, lockPrices, plannedPrices, knownModels, prices, quotes, LedgerProof.patience,
        ] + LedgerProof.all + InvoiceStatements.all + StatementBook.all
}
