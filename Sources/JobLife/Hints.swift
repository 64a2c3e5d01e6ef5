public import Postgres
public import Queue

/// Tells workers that tasks wait: those of this node at once, those of other nodes through the database. Hints are sent
/// after the commit, by one sender per node, at most one each 20 ms; workers poll anyway, so a lost hint costs time only.
public final class Hints: Sendable {
    let local = Signal()
    private let remote = Signal()
    private let pool: ConnectionPool
    private let queue: TaskQueue

    /// - Parameters:
    ///   - pool: where hints are sent.
    ///   - queue: knows the channel.
    public init(_ pool: ConnectionPool, queue: TaskQueue) {
        self.pool = pool
        self.queue = queue
    }

    /// Tasks wait.
    func tasksWait() {
        local.send()
        remote.send()
    }

    /// Another node said that tasks wait.
    public func heard() { local.send() }

    /// Sends hints until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            await remote.wait()
            // A hint that fails is not worth a retry: the pollers find the tasks.
            try? await queue.hint(in: pool)
            try? await Task.sleep(for: .milliseconds(20))
        }
    }
}
