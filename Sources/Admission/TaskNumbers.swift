public import Domain
public import Postgres
import Synchronization

/// Task numbers for one node, drawn from the database in blocks. A node that dies wastes the rest of its block.
public final class TaskNumbers: Sendable {
    /// As in `Migrations/0005_tasks_queue.sql`.
    static let blockSize: Int64 = 1024

    private let free = Mutex<[ClosedRange<Int64>]>([])

    /// No numbers yet.
    public init() {}

    /// The next numbers, in rising order within a block.
    public func take(_ count: Int, in session: any Session) async throws(PostgresError) -> [TaskID] {
        var taken: [TaskID] = []
        taken.reserveCapacity(count)
        while true {
            free.withLock { free in
                while taken.count < count, let block = free.first {
                    let part = block.prefix(count - taken.count)
                    taken += part.map(TaskID.init)
                    if part.count == block.count {
                        free.removeFirst()
                    } else {
                        free[0] = (block.lowerBound + Int64(part.count))...block.upperBound
                    }
                }
            }
            if taken.count == count { return taken }
            let last = try await session.one(AdmissionStatements.nextBlock) { (row) throws(PostgresError) in
                try row.get(0, as: Int64.self)
            }
            free.withLock { $0.append((last - Self.blockSize + 1)...last) }
        }
    }
}
