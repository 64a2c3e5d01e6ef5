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
    public static let all = [balance, wallet, grant, history, replayed, lockKey, remember, audit, setPrice, prices] + LedgerProof.all
        + InvoiceStatements.all + StatementBook.all
}
