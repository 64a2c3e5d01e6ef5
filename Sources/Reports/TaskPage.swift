public import Domain
public import Foundation
public import Postgres

/// Which of a wallet's tasks are wanted.
public struct TaskFilter: Sendable {
    /// Only in this state; nil is any.
    public var state: TaskState?
    /// Only of this model; nil is any.
    public var model: String?
    /// Only older than this one; nil begins with the newest.
    public var before: TaskID?
    /// How many to skip.
    public var offset = 0
    /// How many to answer.
    public var count = 20

    /// The newest ones.
    public init() {}
}

/// Some of a wallet's tasks.
public struct TaskPage: Sendable {
    /// A page looks at this many tasks at most, whether they are wanted or not, so that none costs more than another.
    public static let windowMax = 10_000

    /// The tasks, the newest first.
    public let tasks: [TaskView]
    /// How many are wanted among those that were looked at.
    public let total: Int
    /// Where the next page goes on: before this task. Nil when there is nothing older.
    public let next: (id: TaskID, createdAt: Date)?
}

extension ReportBook {
    /// Some tasks by their numbers, the newest first; those that there are not are left out.
    public func tasks(_ ids: [TaskID], in session: any Session) async throws(PostgresError) -> [TaskView] {
        try await session.query(ReportsStatements.batch, [Parameter(ids.map(\.value))], decode: Self.view)
    }

    /// A page of a wallet's tasks, the newest first.
    public func page(
        _ filter: TaskFilter, walletID: Int64, in session: any Session
    ) async throws(PostgresError) -> TaskPage {
        let parameters = [
            Parameter(walletID), Parameter(filter.before?.value), Parameter(filter.state?.rawValue),
            Parameter(filter.model), Parameter(Int32(filter.offset)), Parameter(Int32(filter.count)),
        ]
        let rows = try await session.query(ReportsStatements.page, parameters) { (row) throws(PostgresError) in
            (
                total: try row.get(0, as: Int.self), seen: try row.get(1, as: Int.self),
                oldest: try row.get(2, as: Int64?.self), id: try row.get(3, as: Int64?.self)
            )
        }
        let ids = rows.compactMap(\.id).map { TaskID($0) }
        let (total, seen, oldest) = rows.first.map { ($0.total, $0.seen, $0.oldest) } ?? (0, 0, nil)
        let next: TaskID? =
            if filter.offset + filter.count < total { ids.min { $0.value < $1.value } } else if seen < TaskPage.windowMax { nil } else {
                oldest.map { TaskID($0) }
            }
        let tasks = try await self.tasks(Array(Set(ids + [next].compactMap(\.self))), in: session)
        return TaskPage(
            tasks: tasks.filter { ids.contains($0.id) }, total: total,
            next: tasks.first { $0.id == next }.map { ($0.id, $0.createdAt) })
    }
}
