public import Domain
public import Postgres

/// Grants, balances and history. Entries of tasks are written by `admit_tasks` and `close_tasks` alone.
public struct CreditBook: Sendable {
    /// The book has no state.
    public init() {}

    /// What an account has; nil when there is no such account.
    public func balance(
        account: String, mode: AccountMode, in session: any Session
    ) async throws(PostgresError) -> Balance? {
        try await session.first(LedgerStatements.balance, [Parameter(account), Parameter(mode.rawValue)]) {
            (row) throws(PostgresError) in
            Balance(
                available: Credits(micro: try row.get(0)), reserved: Credits(micro: try row.get(1)),
                granted: Credits(micro: try row.get(2)), settled: Credits(micro: try row.get(3)),
                expired: Credits(micro: try row.get(4)))
        }
    }

    /// Gives credits; nil when there is no such account, else the entry's number.
    public func grant(
        _ amount: Credits, account: String, mode: AccountMode, reason: String, actor: String, in transaction: Transaction
    ) async throws(PostgresError) -> Int64? {
        let found = try await transaction.first(LedgerStatements.wallet, [Parameter(account), Parameter(mode.rawValue)]) {
            (row) throws(PostgresError) in try row.get(0, as: Int64.self)
        }
        guard let wallet = found else { return nil }
        return try await transaction.one(
            LedgerStatements.grant,
            [Parameter(wallet), Parameter(amount.micro), Parameter(reason), Parameter(actor)]
        ) { (row) throws(PostgresError) in try row.get(0, as: Int64.self) }
    }

    /// The newest entries of an account, at most a thousand, older than the given one.
    public func history(
        account: String, mode: AccountMode, before: Int64?, in session: any Session
    ) async throws(PostgresError) -> [EntryLine] {
        try await session.query(
            LedgerStatements.history, [Parameter(account), Parameter(mode.rawValue), Parameter(before)]
        ) { (row) throws(PostgresError) in
            EntryLine(
                id: try row.get(0), at: try row.get(1), kind: try row.get(2), debit: try row.get(3),
                credit: try row.get(4), amount: Credits(micro: try row.get(5)),
                taskID: try row.get(6, as: Int64?.self).map(TaskID.init), taskCreatedAt: try row.get(7),
                reason: try row.get(8), actor: try row.get(9))
        }
    }
}
