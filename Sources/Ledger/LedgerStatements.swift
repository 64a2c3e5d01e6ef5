public import Postgres

/// Every statement of the ledger.
public enum LedgerStatements {
    static let balance = Statement(
        "balance",
        """
        select w.available, w.reserved, w.granted, w.settled, w.expired
        from accounts a join wallets w on w.account_id = a.id where a.name = $1 and w.mode = $2::account_mode
        """)
    static let wallet = Statement(
        "wallet_find",
        """
        select w.id from accounts a join wallets w on w.account_id = a.id
        where a.name = $1 and w.mode = $2::account_mode
        """)
    static let grant = Statement("grant_credits", "select grant_credits($1, $2, $3, $4)")
    /// Index `entries_of_wallet`.
    static let history = Statement(
        "history",
        """
        select e.id, e.at, e.kind::text, e.debit::text, e.credit::text, e.amount, e.task_id, t.created_at,
            e.reason, e.actor
        from entries e left join tasks t on t.id = e.task_id
        where e.wallet_id = (select w.id from accounts a join wallets w on w.account_id = a.id
                             where a.name = $1 and w.mode = $2::account_mode)
            and ($3::bigint is null or e.id < $3)
        order by e.id desc limit 1000
        """)
    static let replayed = Statement("admin_replay", "select fingerprint, result from admin_requests where key = $1")
    static let lockKey = Statement("admin_lock", "select pg_advisory_xact_lock(hashtextextended($1, 7216500332))")
    static let remember = Statement(
        "admin_remember", "insert into admin_requests (key, fingerprint, result) values ($1, $2, $3)")
    static let audit = Statement(
        "audit", "insert into audit_log (actor, command, target, reason, result) values ($1, $2, $3, $4, $5)")

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
            select i.n, own.id group_id, m.id model_id, i.operation::operation, i.tier, i.units,
                coalesce(i.at, clock_timestamp()) at
            from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::int[]) with ordinality
                    i (model, operation, tier, at, units, n)
                join user_groups own on own.name = $1 join models m on m.name = i.model)
        select p.id, g.name, p.size_tier, p.rule::text, p.amount::bigint, p.units_max, p.effective_from, f.quote,
            case when r.units is not null then price_of(p.rule, p.amount, p.units_max, r.units) end, r.n
        from request r cross join lateral price_in_force(r.group_id, r.model_id, r.operation, r.tier, r.at) f
            join prices p on p.id = f.price_id join user_groups g on g.id = p.group_id
        """)

    /// All of them, for the test that prepares each on a fresh database.
    public static let all =
        [
            balance, wallet, grant, history, replayed, lockKey, remember, audit, setPrices, withdrawPrice, lockPrices,
            plannedPrices, knownModels, prices, quotes,
        ] + LedgerProof.all
}
