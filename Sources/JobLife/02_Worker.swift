import Domain
public import Logging
public import Postgres
public import Queue
import ServiceLifecycle
import Synchronization

/// How a node works.
public struct WorkerSettings: Sendable {
    /// The node's name in leases and attempts.
    public var node: String
    /// Tasks that this node works on at once. Those that wait for a provider's answer are not among them.
    public var slots: Int
    /// How long an idle worker waits before it looks again without a hint, in seconds.
    public var pollSeconds: Double
    /// How often leases are renewed, in seconds; several times within a lease.
    public var heartbeatSeconds: Double
    /// How long running tasks may go on after a request to stop, in seconds; then they are handed back.
    public var graceSeconds: Double

    /// The settings of a worker.
    public init(node: String, slots: Int, pollSeconds: Double, heartbeatSeconds: Double, graceSeconds: Double) {
        self.node = node
        self.slots = slots
        self.pollSeconds = pollSeconds
        self.heartbeatSeconds = heartbeatSeconds
        self.graceSeconds = graceSeconds
    }
}

/// Step 2: claims tasks for this node and runs an ``Attempt`` at each.
public final class Worker: Sendable {
    private let pool: ConnectionPool
    private let queue: TaskQueue
    private let attempt: Attempt
    private let hints: Hints
    private let settings: WorkerSettings
    private let logger: Logger
    private let running = RunningAttempts()
    private let stopping = Atomic<Bool>(false)

    /// - Parameters:
    ///   - pool: for claims and heartbeats.
    ///   - attempt: what is done with a claimed task.
    ///   - hints: wake the worker early.
    public init(
        _ pool: ConnectionPool, queue: TaskQueue, attempt: Attempt, hints: Hints, settings: WorkerSettings,
        logger: Logger
    ) {
        self.pool = pool
        self.queue = queue
        self.attempt = attempt
        self.hints = hints
        self.settings = settings
        self.logger = logger
    }

    /// Works until a graceful shutdown, then finishes what runs or hands it back.
    public func run() async {
        await withGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.heartbeats() }
                group.addTask { await self.claims() }
                // The claims end first; what they started is finished or handed back by then.
                await group.next()
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.stopping.store(true, ordering: .relaxed)
            self.hints.local.send()
        }
    }

    private func claims() async {
        var afterWallet: Int64 = 0
        while !stopping.load(ordering: .relaxed), !Task.isCancelled {
            let free = min(settings.slots - running.working, Self.runningMax - running.count)
            let wanted = min(free, Self.claimMax)
            let claimed = wanted > 0 ? await claim(wanted, after: afterWallet) : []
            for task in claimed {
                afterWallet = task.walletID
                start(task)
            }
            // After a full claim there may be more; otherwise a hint, a free slot or the poll wakes us.
            if claimed.count < max(wanted, 1) { await hints.local.wait(atMost: .seconds(settings.pollSeconds)) }
        }
        await finishOrHandBack()
    }

    /// A task of its own, because a lost lease cancels this attempt and no other, and because a node that stops does not wait
    /// for ever for one that cannot end.
    private func start(_ task: ClaimedTask) {
        running.add(task)
        let work = Task {
            await self.attempt(task, self.place(of: task.lease))
            self.running.remove(task.lease)
            self.hints.local.send()
        }
        running.attach(work, to: task.lease)
    }

    private func claim(_ count: Int, after wallet: Int64) async -> [ClaimedTask] {
        do {
            return try await queue.claim(
                node: settings.node, limit: count, afterWallet: wallet, in: pool)
        } catch {
            logger.warning("cannot claim tasks", metadata: ["error": "\(error)"])
            return []
        }
    }

    private static let claimMax = 64
    /// How long an attempt that was handed back may take to write down what it knows of its provider, in seconds; longer it
    /// takes only while the database is away.
    private static let lastWordSeconds = 5.0
    /// Attempts that a node has at once, with those that wait for providers: what its memory and heartbeats bear.
    private static let runningMax = 1024

    private func place(of lease: Lease) -> AttemptPlace {
        AttemptPlace(progress: running.progress(of: lease)) {
            if self.running.leaveSlot(lease) { self.hints.local.send() }
        }
    }

    private func heartbeats() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(settings.heartbeatSeconds))
            let progress = running.allProgress()
            guard !progress.isEmpty else { continue }
            do {
                let held = try await queue.renew(progress, in: pool)
                for lease in progress.keys where !held.contains(lease) { running.cancel(lease) }
            } catch {
                // The leases go on until they run out; another node takes over only then.
                logger.warning("cannot renew leases", metadata: ["error": "\(error)"])
            }
        }
    }

    private func finishOrHandBack() async {
        await allEnd(withinSeconds: settings.graceSeconds)
        let rest = running.leases
        guard !rest.isEmpty else { return }
        for lease in rest { running.cancel(lease) }
        do {
            try await queue.handBack(rest, in: pool)
            logger.info("handed tasks back", metadata: ["tasks": "\(rest.count)"])
        } catch {
            logger.warning("cannot hand tasks back; their leases run out", metadata: ["error": "\(error)"])
        }
        await allEnd(withinSeconds: Self.lastWordSeconds)
        guard running.count > 0 else { return }
        logger.warning("stopping amid attempts that cannot write down what they know", metadata: ["tasks": "\(running.count)"])
    }

    private func allEnd(withinSeconds seconds: Double) async {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while running.count > 0, ContinuousClock.now < deadline, !Task.isCancelled {
            await hints.local.wait(atMost: .milliseconds(200))
        }
    }
}

/// What an attempt tells the worker that runs it.
struct AttemptPlace: Sendable {
    /// How far it is, in percent.
    let progress: @Sendable (Int) -> Void
    /// From here on it waits for a provider and needs no slot.
    let leaveSlot: @Sendable () -> Void

    /// The place of one of several pictures, counted from 0: each is its share of the progress.
    func part(_ index: Int, of count: Int) -> AttemptPlace {
        AttemptPlace(progress: { percent in progress((index * 100 + min(max(percent, 0), 100)) / count) }, leaveSlot: leaveSlot)
    }
}

/// What runs on this node, and how far it is.
final class RunningAttempts: Sendable {
    private struct Entry {
        var progress = 0
        var work: Task<Void, Never>?
        var cancelled = false
        var hasSlot = true
    }

    private let entries = Mutex<[Lease: Entry]>([:])

    /// Those that keep a slot.
    var working: Int { entries.withLock { $0.values.count(where: \.hasSlot) } }
    var count: Int { entries.withLock(\.count) }
    var leases: [Lease] { entries.withLock { Array($0.keys) } }

    func add(_ task: ClaimedTask) { entries.withLock { $0[task.lease] = Entry() } }

    func attach(_ work: Task<Void, Never>, to lease: Lease) {
        let cancelled = entries.withLock { entries -> Bool in
            entries[lease]?.work = work
            return entries[lease]?.cancelled ?? true
        }
        if cancelled { work.cancel() }
    }

    /// Frees the slot of an attempt that from here on mostly waits; false when it has none.
    func leaveSlot(_ lease: Lease) -> Bool {
        entries.withLock { entries in
            guard entries[lease]?.hasSlot == true else { return false }
            entries[lease]?.hasSlot = false
            return true
        }
    }

    func remove(_ lease: Lease) { _ = entries.withLock { $0.removeValue(forKey: lease) } }

    func cancel(_ lease: Lease) {
        let work = entries.withLock { entries -> Task<Void, Never>? in
            entries[lease]?.cancelled = true
            return entries[lease]?.work
        }
        work?.cancel()
    }

    func allProgress() -> [Lease: Int] { entries.withLock { $0.mapValues(\.progress) } }

    func progress(of lease: Lease) -> @Sendable (Int) -> Void {
        { percent in self.entries.withLock { $0[lease]?.progress = min(max(percent, 0), 99) } }
    }
}
