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
        guard let task = try await reports.task(id, in: pool), Self.isOwn(task, accountID, mode) else { return nil }
        return task
    }

    /// Those of some tasks that are of the given account in the given mode, the newest first.
    public func batch(
        _ ids: [TaskID], accountID: Int64, mode: AccountMode
    ) async throws(PostgresError) -> [TaskView] {
        try await reports.tasks(ids, in: pool).filter { Self.isOwn($0, accountID, mode) }
    }

    /// A page of a wallet's tasks, the newest first.
    public func page(_ filter: TaskFilter, walletID: Int64) async throws(PostgresError) -> TaskPage {
        try await reports.page(filter, walletID: walletID, in: pool)
    }

    private static func isOwn(_ task: TaskView, _ accountID: Int64, _ mode: AccountMode) -> Bool {
        task.accountID == accountID && task.mode == mode.rawValue
    }
}
