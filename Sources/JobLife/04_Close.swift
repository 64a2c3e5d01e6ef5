public import Logging
public import Postgres
public import Queue
import Synchronization

/// Step 4: ends tasks. State, money, usage and callback row change in one transaction, many tasks at a time. Closing is
/// retried on its own while the database is away; the work is never repeated for its sake.
public final class Close: Sendable {
    private static let batchMax = 256
    /// Longer than a lease: when it is over, another node has the task.
    private static let patienceSeconds = 60.0

    private struct GaveUp: Error {}

    private let pool: ConnectionPool
    private let queue: TaskQueue
    private let announce: @Sendable () -> Void
    private let logger: Logger
    private let finishing = Atomic<Bool>(false)
    private let batcher = Batcher<Ending, CloseVerdict>(
        batchMax: batchMax, waitingMax: .max, overflow: GaveUp(), conflictKey: { "\($0.lease.value)" })

    /// - Parameters:
    ///   - pool: one connection of it is used.
    ///   - announce: told when tasks were closed, so that callbacks go out at once.
    public init(_ pool: ConnectionPool, queue: TaskQueue, announce: @escaping @Sendable () -> Void, logger: Logger) {
        self.pool = pool
        self.queue = queue
        self.announce = announce
        self.logger = logger
    }

    /// Ends a task; unknown when the database stayed away too long or its answer was lost.
    func callAsFunction(_ ending: Ending) async -> CloseVerdict {
        do { return try await batcher.submit(ending) } catch { return .unknown }
    }

    /// Sends batches until ``finish()``.
    public func run() async { await batcher.run(send) }

    /// Takes no more endings; those that wait are still sent, once: nobody here waits for a database that is away any more.
    public func finish() {
        finishing.store(true, ordering: .relaxed)
        batcher.finish()
    }

    @Sendable private func send(_ endings: [Ending]) async -> [Result<CloseVerdict, any Error>] {
        let deadline = ContinuousClock.now + .seconds(Self.patienceSeconds)
        var answerLost = false
        while true {
            do {
                let verdicts = try await queue.close(endings, in: pool)
                announce()
                // An ending whose answer was lost is stale the second time, although it may have closed the task.
                return endings.map { ending in
                    let verdict = verdicts[ending.lease] ?? .stale
                    return .success(answerLost && verdict == .stale ? .unknown : verdict)
                }
            } catch {
                answerLost = true
                logger.warning("cannot close tasks", metadata: ["error": "\(error)", "tasks": "\(endings.count)"])
                if !error.isUnavailable, endings.count > 1 {
                    var answers: [Result<CloseVerdict, any Error>] = []
                    for ending in endings { answers += await send([ending]) }
                    return answers
                }
                guard error.isUnavailable, ContinuousClock.now < deadline, !Task.isCancelled,
                    !finishing.load(ordering: .relaxed)
                else {
                    return endings.map { _ in .failure(GaveUp()) }
                }
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
    }
}
