import Domain

/// zimageturbo.ai: five ratios, no seed, one model.
public struct ZImageTurboProvider: ImageProvider {
    private static let ratios: [AspectRatio] = [.square, .landscape4x3, .portrait3x4, .landscape16x9, .portrait9x16]

    public let name: String
    public let capabilities: Capabilities
    private let calls: HostedCalls

    /// A provider of the kind `zimageturbo`.
    public init(settings: ProviderSettings, access: ProviderAccess) {
        name = settings.name
        calls = HostedCalls(settings, access)
        capabilities = Capabilities(
            operations: [.generate], sizes: .only(Self.ratios.map(\.size)),
            promptCharactersMax: Limits.promptCharactersMaxZImageTurbo, formats: [.jpeg], takesSeed: false)
    }

    public func submit(_ job: ProviderJob, progress: @escaping @Sendable (Int) -> Void) async -> SubmitAnswer {
        if let fault = job.fault(capabilities) { return .refused(fault) }
        guard let ratio = Self.ratios.first(where: { $0.size == job.image.size }) else {
            return .refused(ProviderFault(.job, "it does not draw \(job.image.width)x\(job.image.height)"))
        }
        let body = JSON.object([("prompt", .string(job.image.prompt)), ("aspect_ratio", .string(ratio.rawValue))])
        return await calls.submit("/api/generate", body) { ZImageTurboReply($0).submitAnswer }
    }

    public func poll(_ id: String) async -> PollAnswer {
        await calls.poll(Self.path(id)) { ZImageTurboReply($0).pollAnswer }
    }

    private static func path(_ id: String) -> String { "/api/status?task_id=\(HostedCalls.encoded(id))" }

    /// There is no way to.
    public func cancel(_ id: String) async -> CancelAnswer { .tooLate }

    public func fetch(_ link: String) async throws(ProviderFault) -> [UInt8] { try await calls.fetch(link) }

    /// There is no route for balance or models.
    public func test(model: String) async -> [ProviderCheck] {
        await calls.checks(Self.path("task_0")) { reply in
            let read = ZImageTurboReply(reply)
            // What it says about a task that is not there is documented nowhere, so any answer of its form will do that is
            // not about the key.
            let isGood = read.isDialect && ![401, 402, 403, 429].contains(read.status) && read.status < 500
            return isGood ? .accepted : HostedCalls.KeyVerdict(read.fault, isDialect: read.isDialect)
        } next: {
            []
        }
    }
}
