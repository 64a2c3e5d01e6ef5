public import Domain
import Foundation
public import Postgres

/// Tasks that wait and run: claim them with a lease, keep the lease, close the task, hand it back or rescue it.
public struct TaskQueue: Sendable {
    /// The channel on which nodes hint at new tasks.
    public static let channel = "tasks"

    private let leaseSeconds: Int

    /// - Parameter leaseSeconds: how long a node may be silent before its tasks run elsewhere.
    public init(leaseSeconds: Int) { self.leaseSeconds = leaseSeconds }

    /// Claims up to `limit` tasks, fairly between wallets, looking at wallets after the given one first. Tasks that were
    /// claimed and could then not be read run elsewhere when their leases end.
    public func claim(
        node: String, limit: Int, afterWallet: Int64, in session: any Session
    ) async throws(PostgresError) -> [ClaimedTask] {
        let parameters = [
            Parameter(node), Parameter(Int32(limit)), Parameter(afterWallet), Parameter(Int32(leaseSeconds)),
        ]
        let leases = try await session.query(QueueStatements.claim, parameters) { (row) throws(PostgresError) in
            try row.get(0, as: Int64.self)
        }
        guard !leases.isEmpty else { return [] }
        return try await session.query(QueueStatements.claimed, [Parameter(leases)]) { (row) throws(PostgresError) in
            let request: JSONText = try row.get(7)
            guard let image = try? JSONDecoder().decode(ImageRequest.self, from: Data(request.string.utf8)) else {
                throw PostgresError.unexpectedContent(of: "tasks.request")
            }
            return ClaimedTask(
                lease: Lease(try row.get(0)), id: TaskID(try row.get(1)), attempt: try row.get(2),
                walletID: try row.get(3), mode: AccountMode(rawValue: try row.get(4)) ?? .test, model: try row.get(5),
                operation: TaskOperation(rawValue: try row.get(6)) ?? .generate, image: image, createdAt: try row.get(8),
                groupID: Int32(try row.get(9, as: Int.self)),
                secondsSinceStart: Double(try row.get(10, as: Int64.self)) / 1000)
        }
    }

    /// Prolongs leases and records how far each attempt is, in percent.
    /// - Returns: the leases still held; work on the others must stop.
    public func renew(
        _ progress: [Lease: Int], in session: any Session
    ) async throws(PostgresError) -> Set<Lease> {
        let ordered = progress.sorted { $0.key.value < $1.key.value }
        let parameters = [
            Parameter(ordered.map(\.key.value)), Parameter(ordered.map { Int32($0.value) }),
            Parameter(Int32(leaseSeconds)),
        ]
        let held = try await session.query(QueueStatements.renew, parameters) { (row) throws(PostgresError) in
            Lease(try row.get(0))
        }
        return Set(held)
    }

    /// Ends tasks: state, money, usage and callback row at once. It can be repeated: the second time is stale.
    /// - Returns: a verdict for each ending, by its lease.
    public func close(
        _ endings: [Ending], in session: any Session
    ) async throws(PostgresError) -> [Lease: CloseVerdict] {
        let columns = endings.map(EndingColumns.init)
        let parameters = [
            Parameter(endings.map(\.lease.value)), Parameter(columns.map(\.outcome)),
            Parameter(endings.map { Int32(clamping: $0.units) }), Parameter(endings.map(\.provider)),
            Parameter(endings.map(\.providerTaskID)), Parameter(endings.map(\.cost?.micro)),
            Parameter(endings.map(\.cost?.currency)),
            Parameter(columns.map(\.code)), Parameter(columns.map(\.message)), Parameter(columns.map(\.images)),
        ]
        let verdicts = try await session.query(QueueStatements.close, parameters) { (row) throws(PostgresError) in
            (Lease(try row.get(0)), try row.get(2, as: String.self) == "closed" ? CloseVerdict.closed : .stale)
        }
        return Dictionary(verdicts) { first, _ in first }
    }

    /// Withdraws tasks that wait, and those that run if asked to; their reservations are refunded. It can be repeated.
    /// - Parameter walletID: only tasks of this wallet; nil is any.
    /// - Returns: a verdict for each task.
    public func cancel(
        _ tasks: [TaskID], walletID: Int64?, alsoRunning: Bool, in session: any Session
    ) async throws(PostgresError) -> [TaskID: CancelVerdict] {
        let parameters = [Parameter(tasks.map(\.value)), Parameter(walletID), Parameter(alsoRunning)]
        let verdicts = try await session.query(QueueStatements.cancel, parameters) { (row) throws(PostgresError) in
            (TaskID(try row.get(0)), CancelVerdict(rawValue: try row.get(1)) ?? .unknown)
        }
        return Dictionary(verdicts) { first, _ in first }
    }

    /// Gives running tasks back to the queue, for a node that stops.
    public func handBack(_ leases: [Lease], in session: any Session) async throws(PostgresError) {
        try await session.execute(QueueStatements.handBack, [Parameter(leases.map(\.value))])
    }

    /// Gives a task back to the queue that a node works on or that was put aside, for an operator who does not want to wait for
    /// either. Whoever worked on it cannot end it any more; what it has submitted is found by the next attempt.
    /// One that waits in the queue stays there.
    public func takeBack(_ task: TaskID, in session: any Session) async throws(PostgresError) {
        let leases = try await session.query(QueueStatements.leaseOf, [Parameter(task.value)]) { (row) throws(PostgresError) in
            Lease(try row.get(0))
        }
        try await handBack(leases, in: session)
    }

    /// Puts a running task aside: nobody works on it, and after the time it returns to the queue.
    /// - Returns: false when the lease was no longer held.
    public func putAside(_ lease: Lease, seconds: Double, in session: any Session) async throws(PostgresError) -> Bool {
        try await session.one(QueueStatements.deferTask, [Parameter(lease.value), Parameter(Int64(seconds * 1000))]) {
            (row) throws(PostgresError) in try row.get(0)
        }
    }

    /// Returns those to the queue whose time aside is over.
    /// - Returns: how many there were.
    public func returnAside(in session: any Session) async throws(PostgresError) -> Int {
        try await session.one(QueueStatements.returnDeferred) { (row) throws(PostgresError) in try row.get(0) }
    }

    /// Returns tasks of dead nodes to the queue, or fails them when too many attempts were lost.
    /// - Returns: how many there were.
    public func rescue(in session: any Session) async throws(PostgresError) -> Int {
        try await session.one(QueueStatements.rescue, [Parameter(Int32(Limits.attemptsMax))]) {
            (row) throws(PostgresError) in try row.get(0)
        }
    }

    /// Hints to other nodes that tasks wait. Sent after the commit: inside it would lock the whole cluster's commits.
    public func hint(in session: any Session) async throws(PostgresError) {
        try await session.execute(QueueStatements.notify)
    }
}

/// An ending as the columns of `close_tasks`.
private struct EndingColumns {
    let outcome: String
    let code: String?
    let message: String?
    let images: JSONText?

    init(_ ending: Ending) {
        switch ending.outcome {
        case .completed(let images):
            outcome = "completed"
            code = nil
            message = nil
            self.images = JSONText(JSON.array(images.map(\.json)).text)
        case .failed(let code, let message):
            outcome = "failed"
            self.code = code
            self.message = message
            images = nil
        }
    }
}
