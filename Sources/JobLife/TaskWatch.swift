public import Domain
public import Logging
public import Postgres
public import Reports
import ServiceLifecycle
import Synchronization

/// Lets many callers wait for changes of tasks at the price of one query a round for all of them. While nobody waits it
/// does nothing. It learns of what this node ends at once, and of what other nodes do within a fifth of a second.
public final class TaskWatch: Sendable {
    /// Why nobody may wait now.
    public enum Refusal: Error, Sendable, Equatable {
        /// As many callers as this node can serve wait already.
        case tooManyWaiters
    }

    /// What the database is asked: each watched task with what is known of it, nil for one that was not read yet. It
    /// answers those that are different now.
    typealias Reader = @Sendable ([TaskID: TaskView?]) async throws -> [TaskView]

    private struct Waiter {
        let isWanted: @Sendable (TaskView) -> Bool
        let continuation: CheckedContinuation<TaskView?, any Error>
    }

    private struct Watched {
        var latest: TaskView?
        var waiters: [UInt64: Waiter] = [:]
    }

    private struct State {
        var tasks: [TaskID: Watched] = [:]
        var count = 0
    }

    private static let roundMilliseconds = 200
    /// The shortest time between two rounds, however many tasks end.
    private static let pauseMilliseconds = 20

    private let read: Reader
    private let waitersMax: Int
    private let logger: Logger
    private let state = Mutex(State())
    private let signal = Signal()
    private let numbers = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - pool: one connection of it is used while somebody waits.
    ///   - logger: for failures.
    public convenience init(_ pool: ConnectionPool, logger: Logger) {
        let reports = ReportBook()
        self.init(waitersMax: 4096, logger: logger) { known in try await reports.changedTasks(known, in: pool) }
    }

    init(waitersMax: Int, logger: Logger, read: @escaping Reader) {
        self.waitersMax = waitersMax
        self.logger = logger
        self.read = read
    }

    /// Whether the node was asked to stop: then nobody should wait once more.
    public static var nodeIsStopping: Bool { Task.isShuttingDownGracefully }

    /// How many callers wait now.
    public var waiterCount: Int { state.withLock { $0.count } }

    /// This node ended tasks, so that it is worth looking at once.
    public func tasksClosed() { if state.withLock({ $0.count > 0 }) { signal.send() } }

    /// Refuses where ``task(_:atMost:where:)`` would, for those who must know before they begin an answer.
    public func checkRoom() throws(Refusal) {
        guard state.withLock({ $0.count < waitersMax }) else { throw .tooManyWaiters }
    }

    /// Waits until a task is as the caller wants it. Whose task it is must have been made sure of before.
    /// - Parameters:
    ///   - duration: how long at most, whatever the database does.
    ///   - gone: returns when nobody wants the answer any more, or when it is cancelled.
    ///   - isWanted: asked about the task as it is now and after each change.
    /// - Returns: the task; nil when the time is over, nobody wants it or the node was asked to stop.
    /// - Throws: ``Refusal``, or `CancellationError` when the caller was cancelled.
    public func task(
        _ id: TaskID, atMost duration: Duration, unless gone: (@Sendable () async -> Void)? = nil,
        where isWanted: @escaping @Sendable (TaskView) -> Bool
    ) async throws -> TaskView? {
        try await withThrowingTaskGroup(of: TaskView?.self) { group in
            group.addTask { try await self.join(id, isWanted) }
            group.addTask {
                try await Task.sleep(for: duration)
                return nil
            }
            if let gone {
                group.addTask {
                    await gone()
                    return nil
                }
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    /// Asks for the watched tasks until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            guard state.withLock({ $0.count > 0 }) else {
                await signal.wait()
                continue
            }
            let started = ContinuousClock.now
            await round()
            // Never busy with this for more than a fifth of the time.
            let pause = max(.milliseconds(Self.pauseMilliseconds), (ContinuousClock.now - started) * 4)
            try? await Task.sleep(for: pause)
            await signal.wait(atMost: max(.zero, .milliseconds(Self.roundMilliseconds) - pause))
        }
    }

    private func round() async {
        let known = state.withLock { state in state.tasks.mapValues(\.latest) }
        do {
            for task in try await read(known) { tell(task) }
        } catch {
            // Whoever waits goes on waiting until its time is over.
            logger.warning("cannot look at the tasks that are waited for", metadata: ["error": "\(error)"])
        }
    }

    private func tell(_ task: TaskView) {
        let satisfied = state.withLock { state -> [Waiter] in
            guard var watched = state.tasks[task.id] else { return [] }
            watched.latest = task
            let numbers = watched.waiters.filter { $0.value.isWanted(task) }.map(\.key)
            let waiters = numbers.compactMap { watched.waiters.removeValue(forKey: $0) }
            state.count -= waiters.count
            state.tasks[task.id] = watched.waiters.isEmpty ? nil : watched
            return waiters
        }
        for waiter in satisfied { waiter.continuation.resume(returning: task) }
    }

    private enum Joining { case waits, done(TaskView?), refused }

    private func join(_ id: TaskID, _ isWanted: @escaping @Sendable (TaskView) -> Bool) async throws -> TaskView? {
        let number = numbers.wrappingAdd(1, ordering: .relaxed).newValue
        return try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await withCheckedThrowingContinuation { continuation in
                    let joining = state.withLock { state -> Joining in
                        // Asked under the lock: what comes later finds the waiter.
                        if Task.isCancelled || Self.nodeIsStopping { return .done(nil) }
                        if let latest = state.tasks[id]?.latest, isWanted(latest) { return .done(latest) }
                        guard state.count < waitersMax else { return .refused }
                        state.tasks[id, default: Watched()].waiters[number] =
                            Waiter(isWanted: isWanted, continuation: continuation)
                        state.count += 1
                        return .waits
                    }
                    switch joining {
                    case .waits: signal.send()
                    case .done(let task): continuation.resume(returning: task)
                    case .refused: continuation.resume(throwing: Refusal.tooManyWaiters)
                    }
                }
            } onGracefulShutdown: {
                self.leave(id, number)
            }
        } onCancel: {
            leave(id, number)
        }
    }

    private func leave(_ id: TaskID, _ number: UInt64) {
        let waiter = state.withLock { state -> Waiter? in
            guard let waiter = state.tasks[id]?.waiters.removeValue(forKey: number) else { return nil }
            state.count -= 1
            if state.tasks[id]?.waiters.isEmpty == true { state.tasks[id] = nil }
            return waiter
        }
        waiter?.continuation.resume(returning: nil)
    }
}
