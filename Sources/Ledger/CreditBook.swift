public import Domain
public import Foundation
public import Postgres

/// Grants, adjustments, balances and history. Entries of tasks are written by the functions of admission and the queue.
public struct CreditBook: Sendable {
    /// The book has no state.
    public init() {}

    /// The wallet of an account in a mode; nil when there is no such account.
    public func wallet(
        of account: String, mode: AccountMode, in session: any Session
    ) async throws(PostgresError) -> Int64? {
        try await session.first(LedgerStatements.wallet, [Parameter(account), Parameter(mode.rawValue)]) {
            (row) throws(PostgresError) in try row.get(0, as: Int64.self)
        }
    }

    /// What a wallet has. A grant whose date has passed counts as expired even when its entry is not written yet.
    public func balance(walletID: Int64, in session: any Session) async throws(PostgresError) -> Balance {
        try await session.one(LedgerStatements.balance, [Parameter(walletID)]) { (row) throws(PostgresError) in
            Balance(
                available: Credits(micro: try row.get(0)), reserved: Credits(micro: try row.get(1)),
                granted: Credits(micro: try row.get(2)), adjusted: Credits(micro: try row.get(3)),
                settled: Credits(micro: try row.get(4)), expired: Credits(micro: try row.get(5)))
        }
    }

    /// What an account has; nil when there is no such account.
    public func balance(
        account: String, mode: AccountMode, in session: any Session
    ) async throws(PostgresError) -> Balance? {
        guard let wallet = try await wallet(of: account, mode: mode, in: session) else { return nil }
        return try await balance(walletID: wallet, in: session)
    }

    /// The grants with a date of which something is left, the nearest date first; at most a thousand.
    public func expiringGrants(walletID: Int64, in session: any Session) async throws(PostgresError) -> [ExpiringGrant] {
        try await session.query(LedgerStatements.expiringGrants, [Parameter(walletID)]) { (row) throws(PostgresError) in
            ExpiringGrant(
                id: try row.get(0), amount: Credits(micro: try row.get(1)), remaining: Credits(micro: try row.get(2)),
                reserved: Credits(micro: try row.get(3)), expiresAt: try row.get(4))
        }
    }

    /// Gives credits, for ever or until a date; nil when there is no such account, else the entry's number.
    public func grant(
        _ amount: Credits, account: String, mode: AccountMode, expires: Date? = nil, reason: String, actor: String,
        in transaction: Transaction
    ) async throws(PostgresError) -> Int64? {
        guard let wallet = try await wallet(of: account, mode: mode, in: transaction) else { return nil }
        return try await transaction.one(
            LedgerStatements.grant,
            [Parameter(wallet), Parameter(amount.micro), Parameter(expires), Parameter(reason), Parameter(actor)]
        ) { (row) throws(PostgresError) in try row.get(0, as: Int64.self) }
    }

    /// Corrects what an account has, up or down; nil when there is no such account, else the entry's number. Taking more
    /// than is available breaks ``availableNotNegative``.
    public func adjust(
        _ amount: Credits, account: String, mode: AccountMode, reason: String, actor: String, in transaction: Transaction
    ) async throws(PostgresError) -> Int64? {
        guard let wallet = try await wallet(of: account, mode: mode, in: transaction) else { return nil }
        return try await transaction.one(
            LedgerStatements.adjust, [Parameter(wallet), Parameter(amount.micro), Parameter(reason), Parameter(actor)]
        ) { (row) throws(PostgresError) in try row.get(0, as: Int64.self) }
    }

    /// The constraint that keeps a wallet from being overdrawn.
    public static let availableNotNegative = "wallets_available_not_negative"

    /// Expires grants whose date has passed, in at most 500 wallets; answers how many there were.
    public func expireDue(in session: any Session) async throws(PostgresError) -> Int {
        try await session.one(LedgerStatements.expireDue) { (row) throws(PostgresError) in try row.get(0) }
    }

    /// How many entries ``history(walletID:before:in:)`` answers at most.
    public static let historyMax = 1000

    /// The newest entries of a wallet, older than the given one.
    public func history(
        walletID: Int64, before: Int64?, in session: any Session
    ) async throws(PostgresError) -> [EntryLine] {
        try await session.query(LedgerStatements.history, [Parameter(walletID), Parameter(before)]) {
            (row) throws(PostgresError) in
            EntryLine(
                id: try row.get(0), at: try row.get(1), kind: try row.get(2), debit: try row.get(3),
                credit: try row.get(4), amount: Credits(micro: try row.get(5)),
                taskID: try row.get(6, as: Int64?.self).map(TaskID.init), taskCreatedAt: try row.get(7),
                grantID: try row.get(8), reason: try row.get(9), actor: try row.get(10))
        }
    }
}
