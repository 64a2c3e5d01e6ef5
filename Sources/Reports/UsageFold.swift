public import Postgres

/// Folds usage facts into the rollups that reports read. Reports are exact without it, only slower.
public struct UsageFold: Sendable {
    /// The fold has no state.
    public init() {}

    /// Folds some of the facts that can be folded, in a transaction of its own. Nodes may fold at once.
    /// - Returns: how many; 0 when there is nothing to do for now.
    public func callAsFunction(in pool: ConnectionPool) async throws(PostgresError) -> Int {
        try await pool.one(ReportsStatements.fold) { (row) throws(PostgresError) in try row.get(0) }
    }

    /// About how many facts are not folded yet.
    public func backlog(in session: any Session) async throws(PostgresError) -> Int64 {
        try await session.one(ReportsStatements.backlog) { (row) throws(PostgresError) in try row.get(0) }
    }
}
