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

    static let setPrice = Statement(
        "price_set",
        """
        insert into prices (group_id, model_id, operation, size_tier, rule, amount, units_max, effective_from)
        select g.id, m.id, $3::operation, $4, $5::billing_rule, $6, $7, coalesce($8, now())
        from user_groups g, models m where g.name = $1 and m.name = $2 returning id
        """)
    static let prices = Statement(
        "price_list",
        """
        select p.id, g.name, m.name, p.operation::text, p.size_tier, p.rule::text, p.amount::bigint, p.units_max,
            p.effective_from
        from prices p join user_groups g on g.id = p.group_id join models m on m.id = p.model_id
        where ($1::text is null or g.name = $1) and ($2::text is null or m.name = $2)
        order by g.name, m.name, p.operation, p.size_tier nulls first, p.effective_from desc limit 1000
        """)

    /// All of them, for the test that prepares each on a fresh database.
    public static let all =
        [
            balance, wallet, grant, adjust, expireDue, expiringGrants, makeCode, redeemCode, withdrawCode, codes,
            quotaSubject, timeZoneKnown, setQuota, quota, quotas, history, replayed, lockKey, remember, audit, setPrice,
            prices,
        ] + LedgerProof.all + InvoiceStatements.all + StatementBook.all
}
