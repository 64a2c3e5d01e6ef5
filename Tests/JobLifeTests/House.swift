import Admission
import Curl
import Domain
import Foundation
import Images
import Keys
import Logging
import Moderation
import Postgres
import Providers
import Queue
import ServiceLifecycle
import TestSupport
import Testing

@testable import JobLife

/// A provider whose work a test decides.
struct FakeProvider: ImageProvider {
    let name = "fake"
    var operations = Set(TaskOperation.allCases)
    let work: @Sendable (ProviderJob, @Sendable (Int) -> Void) async throws -> [UInt8]

    var capabilities: Capabilities {
        Capabilities(operations: operations, sizes: .sides(1...1536), cancels: true, answersAtOnce: true, isBuiltIn: true)
    }

    func submit(_ job: ProviderJob, progress: @escaping @Sendable (Int) -> Void) async -> SubmitAnswer {
        do {
            return .made(ProviderPicture(.bytes(try await work(job, progress)), seconds: 3))
        } catch let fault as ProviderFault {
            return .refused(fault)
        } catch {
            return .unknown("\(error)")
        }
    }

    func poll(_ id: String) async -> PollAnswer { .missing }
    func cancel(_ id: String) async -> CancelAnswer { .tooLate }
    func fetch(_ link: String) async throws(ProviderFault) -> [UInt8] { throw ProviderFault(.failed, link) }
    func test(model: String) async -> [ProviderCheck] { [] }
}

/// A folder store that tells what is done to it.
struct WatchedStore: ImageStore {
    enum Event: Equatable { case put(ImagePath), delete(ImagePath) }

    let path: String
    let folder: FolderStore
    let events = Events<Event>()

    init(path: String) throws {
        self.path = path
        folder = FolderStore(folder: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func put(_ bytes: [UInt8], at path: ImagePath) async throws(ImageStoreError) {
        try await folder.put(bytes, at: path)
        events.add(.put(path))
    }

    func read(_ path: ImagePath) async throws(ImageStoreError) -> [UInt8] { try await folder.read(path) }

    func delete(_ path: ImagePath) async throws(ImageStoreError) {
        try await folder.delete(path)
        events.add(.delete(path))
    }

    /// Makes every further put fail.
    func breakFolder() throws {
        try FileManager.default.removeItem(atPath: path)
        _ = FileManager.default.createFile(atPath: path, contents: nil)
    }

    func sweep(nowSeconds: Int64) async throws(ImageStoreError) -> Int { try await folder.sweep(nowSeconds: nowSeconds) }
}

/// A node without its HTTP face: close and worker run as in a server.
struct House: Sendable {
    let database: TestDatabase
    let tenant: Tenant
    let queue: TaskQueue
    let close: Close
    let hints: Hints
    let store: WatchedStore
    let closed: Events<Void>
    let refusals: Refusals
    let late: LateSubmits
    let submitHints: SubmitHints
    let group: ServiceGroup

    /// Puts a task into the queue and wakes the worker.
    @discardableResult
    func submit(
        _ prompt: String = "a cat", callbackURL: String? = nil, inputs: ImageInputs? = nil
    ) async throws -> TaskID {
        let id = try await admit(database, tenant.submission(prompt: prompt, callbackURL: callbackURL, inputs: inputs))
        hints.heard()
        return id
    }

    /// The one row that describes a task.
    func task(_ id: TaskID) async throws -> [String?] {
        try await database.rows("select state, settled, error_code from tasks where id = \(id.value)")[0]
    }

    func stop() async { await group.triggerGracefulShutdown() }
}

/// Admits one submission directly.
func admit(_ database: TestDatabase, _ submission: Submission) async throws -> TaskID {
    let id = try await TaskNumbers().take(1, in: database.pool)[0]
    let verdicts = try await AdmitTasks()(
        [NumberedSubmission(id: id, submission: submission)], again: false, in: database.pool)
    return try verdicts[0].outcome.get().id
}

let silent: Logger = {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}()

private struct Part: Service {
    let body: @Sendable () async -> Void
    func run() async throws { await body() }
}

/// A clock that stands still until a test moves it.
final class HandClock: Sendable {
    private let passed = Box(0.0)
    private let start = ContinuousClock.now
    var now: ContinuousClock.Instant { start + .seconds(passed.value) }
    func pass(_ seconds: Double) { passed.change { $0 += seconds } }
}

/// Runs a worker and a closer on a fresh database for the time of a test, then stops them gracefully.
func withHouse(
    slots: Int = 4, heartbeatSeconds: Double = 1000, graceSeconds: Double = 30,
    operations: [TaskOperation] = TaskOperation.allCases, trusting customer: TLSCustomer? = nil, checkers: [Checker] = [],
    remotes: [any ImageProvider] = [], clock: HandClock? = nil, publicURL: String? = nil, credits: String = "1",
    schedule: AskSchedule = AskSchedule(firstSeconds: 0.01, longestSeconds: 0.02),
    work: @escaping @Sendable (ProviderJob, @Sendable (Int) -> Void) async throws -> [UInt8] = { _, _ in [1] },
    providers: (@Sendable (TestDatabase) async throws -> ProviderSnapshot)? = nil,
    _ test: @escaping @Sendable (House) async throws -> Void
) async throws {
    let database = try await TestDatabase.fresh()
    let tenant = try await Tenant.make(database, credits: credits)
    let folder = "\(FileManager.default.temporaryDirectory.path)/zimage-house-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let store = try WatchedStore(path: folder)
    let queue = TaskQueue(leaseSeconds: 60)
    let hints = Hints(database.pool, queue: queue)
    let closed = Events<Void>()
    let close = Close(database.pool, queue: queue, announce: { closed.add(()) }, logger: silent)
    let refusals = Refusals()
    let moderate = Moderate(
        words: WordWatch(database.pool), checkers: checkers, refusals: refusals, database.pool, logger: silent)
    let transfers = Transfers(inFlightMax: 4, waitingMax: 4)
    let egress = EgressRule(allowances: customer == nil ? [] : try EgressAllowance.parse("127.0.0.1/32:*"))
    let fetch = InputFetch(
        transfers: transfers, store: store, egress: egress, caFile: customer?.caFile,
        patience: InputPatience(pausesSeconds: [0]))
    let snapshot = try await providers?(database)
    let known = if let snapshot { snapshot } else { try await Remote.snapshot(remotes, in: database) }
    let routes = Routes(
        sandbox: FakeProvider(operations: Set(operations), work: work), snapshot: { known }, now: { clock?.now ?? .now })
    let submitHints = SubmitHints(
        database.pool,
        callbacks: ProviderCallbacks(key: Tenant.secret.key(for: .providerCallback), baseURL: publicURL))
    let attempt = Attempt(
        generate: Generate(routes: routes, database.pool, hints: submitHints, schedule: schedule, logger: silent),
        inputs: fetch, store: store, moderate: moderate, close: close, database.pool, queue: queue, nowSeconds: { 7200 }, logger: silent)
    let settings = WorkerSettings(
        node: "house", slots: slots, pollSeconds: 0.1, heartbeatSeconds: heartbeatSeconds, graceSeconds: graceSeconds)
    let worker = Worker(database.pool, queue: queue, attempt: attempt, hints: hints, settings: settings, logger: silent)
    let closing = Part {
        await withGracefulShutdownHandler { await close.run() } onGracefulShutdown: { close.finish() }
    }
    let services = [closing, Part { await worker.run() }].map {
        ServiceGroupConfiguration.ServiceConfiguration(
            service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
            failureTerminationBehavior: .gracefullyShutdownGroup)
    }
    let group = ServiceGroup(configuration: .init(services: services, logger: silent))
    let house = House(
        database: database, tenant: tenant, queue: queue, close: close, hints: hints, store: store, closed: closed,
        refusals: refusals, late: LateSubmits(routes: routes, database.pool, logger: silent),
        submitHints: submitHints, group: group)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        do { try await test(house) } catch {
            await house.stop()
            throw error
        }
        await house.stop()
        try await tasks.waitForAll()
    }
    await transfers.shutdown()
    #expect(try await ledgerDrift(database) == [])
    #expect(try await database.number("select count(*) from leases") == 0, "a node that stopped holds nothing")
}
