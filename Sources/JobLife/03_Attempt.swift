import Domain
public import Images
public import Logging
public import Providers
import Queue

/// Step 3: gets the pictures that the task starts from, asks a provider for the new ones, stores them and has the task closed.
public struct Attempt: Sendable {
    private let routes: Routes
    private let inputs: InputFetch
    private let store: any ImageStore
    private let moderate: Moderate
    private let close: Close
    private let nowSeconds: @Sendable () -> Int64
    private let logger: Logger

    /// - Parameters:
    ///   - routes: who makes the picture.
    ///   - inputs: gets what it is made from.
    ///   - store: where it is kept.
    ///   - moderate: judges it before it is stored.
    ///   - close: ends the task.
    ///   - nowSeconds: seconds since 1970, for the picture's path.
    public init(
        routes: Routes, inputs: InputFetch, store: any ImageStore, moderate: Moderate, close: Close,
        nowSeconds: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.routes = routes
        self.inputs = inputs
        self.store = store
        self.moderate = moderate
        self.close = close
        self.nowSeconds = nowSeconds
        self.logger = logger
    }

    /// Works on a task until it is closed, or until its lease is lost or handed back (the task is then cancelled, and
    /// nothing more may be said about it).
    func callAsFunction(_ task: ClaimedTask, _ progress: @escaping @Sendable (Int) -> Void) async {
        let provider = routes.provider(model: task.model, mode: task.mode)
        var asked: String?
        var made: [ProviderResult] = []
        var outcome: Ending.Outcome
        var paths: [ImagePath] = []
        do {
            let pictures = task.image.pictures
            let inputs = try await inputPictures(task, provider)
            var images: [TaskImage] = []
            for index in 0..<pictures {
                asked = provider.name
                let job = ProviderJob(image: task.image.alone(index), model: task.model, inputs: inputs)
                let result = try await provider.generate(job) { progress((index * 100 + $0) / pictures) }
                made.append(result)
                try await judge(result.bytes, task.image.format, of: task)
                let place = ImagePath(atSeconds: nowSeconds(), lease: task.lease.value, index: index, format: task.image.format)
                try await store.put(result.bytes, at: place)
                paths.append(place)
                images.append(TaskImage(
                    path: place.text, format: task.image.format, size: result.size, bytes: result.bytes.count))
            }
            outcome = .completed(images: images)
        } catch let failure as TaskFailure {
            outcome = .failed(code: failure.rawValue, message: failure.message)
        } catch let failure as InputError {
            outcome = .failed(code: failure.code, message: "\(failure) You were not charged.")
        } catch {
            // A cancelled attempt has lost its lease: somebody else ends the task.
            if Task.isCancelled { return await discard(paths) }
            logger.error(
                "an attempt failed", metadata: ["lease": "\(task.lease.value)", "provider": "\(provider.name)", "error": "\(error)"])
            outcome = .failed(code: TaskFailure.serviceError.rawValue, message: TaskFailure.serviceError.message)
        }
        if Task.isCancelled { return await discard(paths) }
        let cost = made.compactMap(\.cost).reduce(ProviderCost?.none) {
            ProviderCost(micro: ($0?.micro ?? 0) + $1.micro, currency: $1.currency)
        }
        let ending = Ending(
            lease: task.lease, outcome: outcome, units: made.reduce(0) { $0 + $1.units }, provider: asked,
            providerTaskID: made.first?.providerTaskID, cost: cost)
        // All pictures or none.
        if case .failed = outcome { await discard(paths) }
        if await close(ending) == .stale { await discard(paths) }
    }

    private func inputPictures(_ task: ClaimedTask, _ provider: any ImageProvider) async throws -> PreparedInputs? {
        guard provider.operations.contains(task.image.operation) else { throw TaskFailure.operationUnavailable }
        guard let named = task.image.inputs else { return nil }
        let pictures = try await inputs(named, size: task.image.size)
        try await judge(pictures.image, .png, of: task)
        return pictures
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
    private func discard(_ paths: [ImagePath]) async {
        for path in paths { try? await store.delete(path) }
    }
}
