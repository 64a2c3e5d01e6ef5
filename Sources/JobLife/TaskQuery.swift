public import Domain
public import Postgres
public import Reports

/// Reads tasks for their owners.
public struct TaskQuery: Sendable {
    private let pool: ConnectionPool
    private let reports = ReportBook()

    /// - Parameter pool: where tasks are read.
    public init(_ pool: ConnectionPool) { self.pool = pool }

    /// A task of the given account in the given mode; nil when it is not there or somebody else's, which look the same.
    public func callAsFunction(
        _ id: TaskID, accountID: Int64, mode: AccountMode
    ) async throws(PostgresError) -> TaskView? {
        guard let task = try await reports.task(id, in: pool), task.accountID == accountID, task.mode == mode.rawValue
        else { return nil }
        return task
    }
}
