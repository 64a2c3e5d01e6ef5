import Dispatch
import Domain
import Vips

/// How the sandbox behaves; tests and demonstrations change it.
public struct SandboxSettings: Sendable {
    /// How long a job takes, drawing included, in seconds.
    public var durationSeconds: Double
    /// How many of a hundred jobs fail. Which ones depends on prompt and seed alone.
    public var failurePercent: Int

    /// The sandbox's behaviour.
    public init(durationSeconds: Double, failurePercent: Int) {
        self.durationSeconds = durationSeconds
        self.failurePercent = failurePercent
    }
}

/// The built-in engine: draws a labelled picture that depends on prompt, seed, size and inputs alone. It needs no GPU, serves
/// test keys, and stands in until a provider is configured.
public struct SandboxEngine: ImageProvider {
    public let name = "sandbox"
    public let capabilities = Capabilities(
        operations: Set(TaskOperation.allCases), sizes: .sides(1...Limits.sidePixels.upperBound),
        formats: Set(ImageFormat.allCases), reportsProgress: true, cancels: true, answersAtOnce: true, isBuiltIn: true)
    private static let steps = 5

    private let settings: SandboxSettings
    /// Drawing keeps a core busy, so it has threads of its own, two at a time.
    private let queue = DispatchQueue(label: "sandbox", attributes: .concurrent)
    private let slots = DispatchSemaphore(value: 2)

    /// - Parameter settings: how long jobs take and how many fail.
    public init(_ settings: SandboxSettings) { self.settings = settings }

    public func submit(_ job: ProviderJob, progress: @escaping @Sendable (Int) -> Void) async -> SubmitAnswer {
        let started = ContinuousClock.now
        do {
            for step in 1...Self.steps where settings.durationSeconds > 0 {
                try await Task.sleep(for: .seconds(settings.durationSeconds / Double(Self.steps)))
                progress(step * 90 / Self.steps)
            }
            try Task.checkCancellation()
            if Self.fails(job.image, percent: settings.failurePercent) {
                return .refused(ProviderFault(.failed, "one of the jobs that the sandbox fails on purpose"))
            }
            let bytes = try await draw(job)
            let seconds = Int((ContinuousClock.now - started).components.seconds) + 1
            return .made(ProviderPicture(.bytes(bytes), seconds: seconds))
        } catch {
            return .refused(ProviderFault(.failed, "\(error)"))
        }
    }

    /// There is nothing to ask for: each submit is answered with its picture.
    public func poll(_ id: String) async -> PollAnswer { .missing }

    /// Work stops with the task that waits for it.
    public func cancel(_ id: String) async -> CancelAnswer { .tooLate }

    public func fetch(_ link: String) async throws(ProviderFault) -> [UInt8] {
        throw ProviderFault(.failed, "the sandbox links to nothing")
    }

    public func test(model: String) async -> [ProviderCheck] { [ProviderCheck("is built in")] }

    private func draw(_ job: ProviderJob) async throws -> [UInt8] {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<[UInt8], VipsError>, Never>) in
            queue.async {
                slots.wait()
                defer { slots.signal() }
                continuation.resume(returning: Self.encoded(job))
            }
        }
        return try result.get()
    }

    private static func encoded(_ job: ProviderJob) -> Result<[UInt8], VipsError> {
        defer { VipsLibrary.leaveThread() }
        do throws(VipsError) {
            return .success(try picture(job).encode(as: job.image.format.pictureFormat))
        } catch { return .failure(error) }
    }

    private static func picture(_ job: ProviderJob) throws(VipsError) -> Picture {
        let image = job.image
        guard let inputs = job.inputs else {
            return try SandboxPicture.draw(prompt: image.prompt, seed: image.seed, width: image.width, height: image.height)
        }
        return try SandboxRepaint.draw(prompt: image.prompt, seed: image.seed, size: image.size, inputs: inputs)
    }

    /// FNV-1a over prompt and seed: the same request fails or succeeds each time.
    private static func fails(_ image: ImageRequest, percent: Int) -> Bool {
        guard percent > 0 else { return false }
        let hash = "\(image.seed) \(image.prompt)".utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        return Int((hash >> 17) % 100) < percent
    }
}
