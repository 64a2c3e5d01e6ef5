import Domain
public import Images
public import Logging
public import Postgres
import Providers
public import Queue

/// Step 3: gets the pictures that the task starts from, has ``Generate`` get the new ones, stores them and has the task closed.
public struct Attempt: Sendable {
    /// How long a task may look for a provider, in seconds.
    private static let searchSeconds = 600.0

    private let generate: Generate
    private let inputs: InputFetch
    private let store: any ImageStore
    private let moderate: Moderate
    private let close: Close
    private let pool: ConnectionPool
    private let queue: TaskQueue
    private let nowSeconds: @Sendable () -> Int64
    private let logger: Logger

    /// - Parameters:
    ///   - generate: gets the pictures.
    ///   - inputs: gets what they are made from.
    ///   - store: where they are kept.
    ///   - moderate: judges them before they are stored.
    ///   - close: ends the task.
    ///   - pool: for tasks that are put aside.
    ///   - nowSeconds: seconds since 1970, for the pictures' paths.
    public init(
        generate: Generate, inputs: InputFetch, store: any ImageStore, moderate: Moderate, close: Close, _ pool: ConnectionPool,
        queue: TaskQueue, nowSeconds: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.generate = generate
        self.inputs = inputs
        self.store = store
        self.moderate = moderate
        self.close = close
        self.pool = pool
        self.queue = queue
        self.nowSeconds = nowSeconds
        self.logger = logger
    }

    /// Works on a task until it is closed or put aside, or until its lease is lost or handed back (the task is then cancelled,
    /// and nothing more may be said about it).
    func callAsFunction(_ task: ClaimedTask, _ place: AttemptPlace) async {
        let work = Work(task)
        var outcome: Ending.Outcome
        do {
            let inputs = InputsOnce { try await self.inputs(of: task) }
            for picture in 0..<task.image.pictures { try await make(picture, work, place, inputs) }
            outcome = .completed(images: work.images)
        } catch let end as NotMade {
            switch end {
            case .failed(let failure, let bill):
                if let bill { work.bills.append(bill) }
                outcome = .failed(code: failure.rawValue, message: failure.message)
            case .later(let seconds):
                guard task.secondsSinceStart > Self.searchSeconds else { return await putAside(task, work, seconds) }
                outcome = .failed(code: TaskFailure.noProvider.rawValue, message: TaskFailure.noProvider.message)
            case .lost: return await discard(work)
            }
        } catch let failure as TaskFailure {
            outcome = .failed(code: failure.rawValue, message: failure.message)
        } catch let failure as InputError {
            outcome = .failed(code: failure.code, message: "\(failure) You were not charged.")
        } catch {
            // A cancelled attempt has lost its lease: somebody else ends the task.
            if Task.isCancelled { return await discard(work) }
            logger.error("an attempt failed", metadata: ["lease": "\(task.lease.value)", "error": "\(error)"])
            outcome = .failed(code: TaskFailure.serviceError.rawValue, message: TaskFailure.serviceError.message)
        }
        if Task.isCancelled { return await discard(work) }
        if case .failed = outcome { await discard(work) }
        if await close(work.ending(outcome)) == .stale { await discard(work) }
    }

    private func make(_ picture: Int, _ work: Work, _ place: AttemptPlace, _ inputs: InputsOnce) async throws {
        let task = work.task
        let order = PictureOrder(
            task: task, picture: picture, image: task.image.alone(picture), inputs: { try await inputs.value() })
        let made = try await generate(order, place.part(picture, of: task.image.pictures))
        work.bills.append(made.bill)
        work.seconds += made.seconds
        let format = task.image.format
        let bytes = try await generate.follow.file(of: made, order)
        try await judge(bytes, format, of: task)
        let path = ImagePath(atSeconds: nowSeconds(), lease: task.lease.value, index: picture, format: format)
        try await store.put(bytes, at: path)
        work.paths.append(path)
        work.images.append(TaskImage(path: path.text, format: format, size: task.image.size, bytes: bytes.count))
    }

    private func inputs(of task: ClaimedTask) async throws -> PreparedInputs? {
        guard let named = task.image.inputs else { return nil }
        let pictures = try await inputs(named, size: task.image.size)
        try await judge(pictures.image, .png, of: task)
        return pictures
    }

    private func putAside(_ task: ClaimedTask, _ work: Work, _ seconds: Double) async {
        await discard(work)
        do {
            _ = try await queue.putAside(task.lease, seconds: seconds, in: pool)
        } catch {
            // Its lease runs out, and another node finds it.
            logger.warning("cannot put a task aside", metadata: ["error": "\(error)"])
        }
    }

    /// A refused picture never reaches a provider and is never stored, so no link to it can exist.
    private func judge(_ bytes: [UInt8], _ format: ImageFormat, of task: ClaimedTask) async throws(TaskFailure) {
        do { try await moderate.picture(bytes, format, of: task.image) } catch {
            switch error {
            case .refused(let category):
                await moderate.count(category, of: task)
                throw .policyViolation
            case .unavailable: throw .moderationAway
            }
        }
    }

    /// Pictures that no task refers to; if this fails the sweeper finds them.
    private func discard(_ work: Work) async {
        for path in work.paths { try? await store.delete(path) }
    }
}

/// The pictures that a task starts from, fetched when a provider is there for them, and then kept for the next one.
private actor InputsOnce {
    private let get: @Sendable () async throws -> PreparedInputs?
    private var known: PreparedInputs?

    init(_ get: @escaping @Sendable () async throws -> PreparedInputs?) { self.get = get }

    func value() async throws -> PreparedInputs? {
        if let known { return known }
        known = try await get()
        return known
    }
}

/// What an attempt has done so far. One task works with it at a time.
private final class Work {
    let task: ClaimedTask
    var images: [TaskImage] = []
    var paths: [ImagePath] = []
    var bills: [Bill] = []
    var seconds = 0

    init(_ task: ClaimedTask) { self.task = task }

    /// The bills as one; of several pictures each has its own id, which only the submits name.
    func ending(_ outcome: Ending.Outcome) -> Ending {
        let costs = bills.compactMap(\.cost)
        let sum = costs.first.map { first in
            ProviderCost(micro: costs.filter { $0.currency == first.currency }.reduce(0) { $0 + $1.micro }, currency: first.currency)
        }
        return Ending(
            lease: task.lease, outcome: outcome, units: seconds, provider: bills.last?.provider,
            providerTaskID: bills.count == 1 ? bills[0].providerTaskID : nil, cost: sum)
    }
}
