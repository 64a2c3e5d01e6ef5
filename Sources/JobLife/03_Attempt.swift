import Domain
public import Images
public import Logging
public import Providers
import Queue

/// Step 3: gets the pictures that the task starts from, asks a provider for the new one, stores it and has the task closed.
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
        var made: ProviderPicture?
        var outcome: Ending.Outcome
        var path: ImagePath?
        do {
            let job = try await job(task, provider)
            asked = provider.name
            let result = try await picture(provider, job, progress)
            made = result
            guard case .bytes(let bytes) = result.source else { throw TaskFailure.serviceError }
            try await judge(bytes, task.image.format, of: task)
            let place = ImagePath(atSeconds: nowSeconds(), lease: task.lease.value, index: 0, format: task.image.format)
            try await store.put(bytes, at: place)
            path = place
            outcome = .completed(images: [
                TaskImage(
                    path: place.text, format: task.image.format, size: task.image.size, bytes: bytes.count)
            ])
        } catch let failure as TaskFailure {
            outcome = .failed(code: failure.rawValue, message: failure.message)
        } catch let failure as InputError {
            outcome = .failed(code: failure.code, message: "\(failure) You were not charged.")
        } catch {
            // A cancelled attempt has lost its lease: somebody else ends the task.
            if Task.isCancelled { return }
            logger.error(
                "an attempt failed", metadata: ["lease": "\(task.lease.value)", "provider": "\(provider.name)", "error": "\(error)"])
            outcome = .failed(code: TaskFailure.serviceError.rawValue, message: TaskFailure.serviceError.message)
        }
        if Task.isCancelled { return await discard(path) }
        let ending = Ending(
            lease: task.lease, outcome: outcome, units: made?.seconds ?? 0, provider: asked,
            cost: made?.cost)
        if await close(ending) == .stale { await discard(path) }
    }

    private func picture(
        _ provider: any ImageProvider, _ job: ProviderJob, _ progress: @escaping @Sendable (Int) -> Void
    ) async throws -> ProviderPicture {
        switch await provider.submit(job, progress: progress) {
        case .made(let picture): return picture
        case .refused(let fault) where fault.kind == .moderated: throw TaskFailure.policyViolation
        case .refused(let fault) where fault.kind == .failed: throw TaskFailure.generationFailed
        case .refused, .accepted, .unknown: throw TaskFailure.serviceError
        }
    }

    private func job(_ task: ClaimedTask, _ provider: any ImageProvider) async throws -> ProviderJob {
        guard provider.takes(task.image) else { throw TaskFailure.operationUnavailable }
        guard let named = task.image.inputs else { return ProviderJob(image: task.image, model: task.model) }
        let pictures = try await inputs(named, size: task.image.size)
        try await judge(pictures.image, .png, of: task)
        return ProviderJob(image: task.image, model: task.model, inputs: pictures)
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

    /// A picture that no task refers to; if this fails the sweeper finds it.
    private func discard(_ path: ImagePath?) async {
        guard let path else { return }
        try? await store.delete(path)
    }
}
