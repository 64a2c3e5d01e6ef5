import Callbacks
public import Images
import Ledger
public import Logging
public import Postgres
public import Queue
import Reports

/// Step 6: what keeps the house in order. Every node does it; doing it twice is harmless.
public struct Recover: Sendable {
    private let pool: ConnectionPool
    private let queue: TaskQueue
    private let store: any ImageStore
    private let hints: Hints
    private let late: LateSubmits
    private let foldUsage = UsageFold()
    private let nowSeconds: @Sendable () -> Int64
    private let logger: Logger

    /// - Parameters:
    ///   - queue: whose lost leases are rescued.
    ///   - store: whose old pictures are swept.
    ///   - late: finds out what became of submits whose tasks have ended.
    ///   - nowSeconds: seconds since 1970.
    public init(
        _ pool: ConnectionPool, queue: TaskQueue, store: any ImageStore, hints: Hints, late: LateSubmits,
        nowSeconds: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.pool = pool
        self.queue = queue
        self.store = store
        self.hints = hints
        self.late = late
        self.nowSeconds = nowSeconds
        self.logger = logger
    }

    /// Rescues tasks of dead nodes, expires grants and folds usage every few seconds, and keeps house every hour, until the
    /// task is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await rescueAndKeepHouse() }
            // Beside it, because lost tasks must not wait for the minutes that a large backlog of facts takes.
            group.addTask { await keepFolding() }
            group.addTask { await keepUpWithProviders() }
        }
    }

    private func rescueAndKeepHouse() async {
        var nextHouse = ContinuousClock.now
        while !Task.isCancelled {
            await rescue()
            await expireGrants()
            if ContinuousClock.now >= nextHouse {
                await keepHouse()
                nextHouse = .now + .seconds(3600)
            }
            try? await Task.sleep(for: .seconds(3))
        }
    }

    /// Beside it, because providers may take long to answer.
    private func keepUpWithProviders() async {
        while !Task.isCancelled {
            await returnAside()
            await late()
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func returnAside() async {
        do {
            if try await queue.returnAside(in: pool) > 0 { hints.tasksWait() }
        } catch {
            logger.warning("cannot return tasks to the queue", metadata: ["error": "\(error)"])
        }
    }

    private func keepFolding() async {
        while !Task.isCancelled {
            do {
                while try await foldUsage(in: pool) > 0, !Task.isCancelled {}
            } catch {
                logger.warning("cannot fold usage", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: .seconds(3))
        }
    }

    private func rescue() async {
        do {
            let count = try await queue.rescue(in: pool)
            guard count > 0 else { return }
            logger.notice("rescued tasks whose node went silent", metadata: ["tasks": "\(count)"])
            hints.tasksWait()
        } catch {
            logger.warning("cannot look for lost tasks", metadata: ["error": "\(error)"])
        }
    }

    /// Submits and corrections expire what is due in their wallets; this is for wallets that nobody uses.
    private func expireGrants() async {
        do {
            let count = try await CreditBook().expireDue(in: pool)
            if count > 0 { logger.info("expired grants", metadata: ["grants": "\(count)"]) }
        } catch {
            logger.warning("cannot expire grants", metadata: ["error": "\(error)"])
        }
    }

    private func keepHouse() async {
        do {
            try await Self.makePartitions(in: pool)
            let hours = try await store.sweep(nowSeconds: nowSeconds())
            if hours > 0 { logger.info("swept old pictures", metadata: ["hours": "\(hours)"]) }
            while try await Outbox().sweepDeliveries(in: pool) > 0, !Task.isCancelled {}
        } catch {
            logger.warning("housekeeping failed", metadata: ["error": "\(error)"])
        }
    }

    /// Makes the partitions of this month and the coming ones, where they are missing.
    public static func makePartitions(in session: any Session) async throws(PostgresError) {
        try await session.execute(partitions)
    }

    private static let partitions = Statement("ensure_partitions", "select ensure_partitions()")

    /// All statements that belong to no stage.
    public static let statements = [partitions]
}
