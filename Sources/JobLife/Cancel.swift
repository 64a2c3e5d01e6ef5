import Domain
public import Postgres
public import Queue
public import Reports

/// Withdraws tasks for their owners: at once while they wait, and while they run where the provider can stop. The credits
/// are back with the same commit. A node that works on a cancelled task learns of it by its next heartbeat, because the
/// lease is gone; what it made until then nobody sees.
public struct Cancel: Sendable {
    /// What became of the wish.
    public enum Outcome: Sendable, Equatable {
        /// The task is cancelled and refunded.
        case cancelled
        /// It had ended before, cancelled or otherwise.
        case ended
        /// It runs where it cannot be stopped.
        case unstoppable
        /// There is no such task in that wallet.
        case unknown
    }

    private let pool: ConnectionPool
    private let queue: TaskQueue
    private let closed: @Sendable () -> Void

    /// - Parameter closed: told when a task was cancelled, so that its callback goes out and whoever waits for it learns of it.
    public init(_ pool: ConnectionPool, queue: TaskQueue, closed: @escaping @Sendable () -> Void) {
        self.pool = pool
        self.queue = queue
        self.closed = closed
    }

    /// Whether a task can be withdrawn as things stand.
    public func isPossible(_ task: TaskView) -> Bool {
        switch task.state {
        case .pending: true
        case .processing: task.canStop
        case .completed, .failed, .cancelled: false
        }
    }

    /// Withdraws a task of a wallet. Who is first, this or the end of the work, the database decides.
    public func callAsFunction(_ task: TaskView, walletID: Int64) async throws(PostgresError) -> Outcome {
        let verdicts = try await queue.cancel([task.id], walletID: walletID, alsoRunning: task.canStop, in: pool)
        switch verdicts[task.id] ?? .unknown {
        case .cancelled:
            closed()
            return .cancelled
        case .final: return .ended
        case .running: return .unstoppable
        case .unknown: return .unknown
        }
    }
}
