public import Domain
public import Postgres

/// Makes monthly statements from the ledger.
public struct StatementBook: Sendable {
    /// The book has no state.
    public init() {}

    /// An account's statement; nil when there is no such account. Give it one snapshot.
    /// - Throws: ``StatementMismatch`` when the entries do not add up to the balance.
    public func statement(
        account: String, mode: AccountMode, month: StatementMonth, in transaction: Transaction
    ) async throws -> MonthlyStatement? {
        try await transaction.execute(Self.ownHistoryOnly)
        let owner = try await transaction.first(Self.owner, [Parameter(account), Parameter(mode.rawValue)]) {
            (row) throws(PostgresError) in
            StatementOwner(
                walletID: try row.get(0), account: account, group: try row.get(1), mode: mode,
                balance: StatementBalance(
                    available: Credits(micro: try row.get(2)), reserved: Credits(micro: try row.get(3))),
                at: try row.get(4))
        }
        guard let owner else { return nil }
        let parameters = [Parameter(owner.walletID), Parameter(month.from), Parameter(month.to)]
        let sums = try await transaction.query(Self.sums, parameters) { (row) throws(PostgresError) in
            guard let phase = EntrySum.Phase(rawValue: try row.get(0)) else { throw .unexpectedContent(of: "phase") }
            return EntrySum(
                phase: phase, kind: try row.get(1), debit: try row.get(2), credit: try row.get(3), day: try row.get(4),
                model: try row.get(5), count: try row.get(6), amount: try row.get(7))
        }
        return try MonthlyStatement(owner, month: month, sums: sums)
    }

    static let all = [ownHistoryOnly, owner, sums]

    /// With sequential scans ruled out, entries are reached by index `entries_of_wallet` alone, also where the planner
    /// would find it cheaper to read everybody's. An account with ten million jobs takes its time.
    static let ownHistoryOnly = Statement(
        "statement_session",
        """
        select set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),
            set_config('statement_timeout', '10min', true)
        """)
    private static let owner = Statement(
        "statement_owner",
        """
        select w.id, g.name, w.available, w.reserved, clock_timestamp()
        from accounts a join wallets w on w.account_id = a.id join user_groups g on g.id = a.group_id
        where a.name = $1 and w.mode = $2::account_mode
        """)
    /// The whole history of one wallet in one pass, index `entries_of_wallet`. By `at` and not by `period`: a task's
    /// closing entry lies in the partition of the month in which the task was made, so no partition can be left out.
    /// An entry of a task names its price, and that its model.
    static let sums = Statement(
        "statement_sums",
        """
        with own as (
            select case when e.at < $2 then 'before' when e.at < $3 then 'during' else 'after' end as phase,
                e.kind, e.debit, e.credit, e.at, e.price_id, e.amount
            from entries e where e.wallet_id = $1),
        sums as (
            select o.phase, o.kind, o.debit, o.credit,
                case when o.phase = 'during' and o.kind = 'settle' then (o.at at time zone 'UTC')::date end as day,
                case when o.phase = 'during' and o.kind = 'settle' then o.price_id end as price_id,
                count(*) as count, sum(o.amount) as amount
            from own o group by 1, 2, 3, 4, 5, 6)
        select s.phase, s.kind::text, s.debit::text, s.credit::text, to_char(s.day, 'YYYY-MM-DD'), m.name,
            sum(s.count)::bigint, sum(s.amount)::bigint
        from sums s left join prices p on p.id = s.price_id left join models m on m.id = p.model_id
        group by 1, 2, 3, 4, 5, 6
        """)
}
