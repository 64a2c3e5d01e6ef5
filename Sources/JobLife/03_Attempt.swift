import Domain
public import Images
public import Logging
public import Providers
import Queue

/// Step 3: asks a provider for the picture, stores it and has the task closed.
public struct Attempt: Sendable {
    private let routes: Routes
    private let store: any ImageStore
    private let close: Close
    private let nowSeconds: @Sendable () -> Int64
    private let logger: Logger

    /// - Parameters:
    ///   - routes: who makes the picture.
    ///   - store: where it is kept.
    ///   - close: ends the task.
    ///   - nowSeconds: seconds since 1970, for the picture's path.
    public init(
        routes: Routes, store: any ImageStore, close: Close, nowSeconds: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.routes = routes
        self.store = store
        self.close = close
        self.nowSeconds = nowSeconds
        self.logger = logger
    }

    /// Works on a task until it is closed, or until its lease is lost or handed back (the task is then cancelled, and
    /// nothing more may be said about it).
    func callAsFunction(_ task: ClaimedTask, _ progress: @escaping @Sendable (Int) -> Void) async {
        let provider = routes.provider(model: task.model, mode: task.mode)
        var made: ProviderResult?
        var outcome: Ending.Outcome
        var path: ImagePath?
        do {
            let result = try await provider.generate(
                ProviderJob(image: task.image, model: task.model), progress: progress)
            made = result
            let place = ImagePath(atSeconds: nowSeconds(), lease: task.lease.value, index: 0, format: task.image.format)
            try await store.put(result.bytes, at: place)
            path = place
            outcome = .completed(images: [
                TaskImage(
                    path: place.text, format: task.image.format, size: result.size, bytes: result.bytes.count)
            ])
        } catch let failure as TaskFailure {
            outcome = .failed(code: failure.rawValue, message: failure.message)
        } catch {
            // A cancelled attempt has lost its lease: somebody else ends the task.
            if Task.isCancelled { return }
            logger.error(
                "an attempt failed", metadata: ["lease": "\(task.lease.value)", "provider": "\(provider.name)", "error": "\(error)"])
            outcome = .failed(code: TaskFailure.serviceError.rawValue, message: TaskFailure.serviceError.message)
        }
        if Task.isCancelled { return await discard(path) }
        let ending = Ending(
            lease: task.lease, outcome: outcome, units: made?.units ?? 0, provider: provider.name,
            providerTaskID: made?.providerTaskID, cost: made?.cost)
        if await close(ending) == .stale { await discard(path) }
    }

    /// A picture that no task refers to; if this fails the sweeper finds it.
    private func discard(_ path: ImagePath?) async {
        guard let path else { return }
        try? await store.delete(path)
    }
}
