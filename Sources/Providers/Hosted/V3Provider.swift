import Domain
import Foundation

/// A provider of the v3 dialect: Novita, which draws from prompts alone, and HighwayAPI (Jiekou, PPIO, MyRouter), which also
/// takes pictures.
public struct V3Provider: ImageProvider {
    public let name: String
    public let capabilities: Capabilities
    private let takesPictures: Bool
    private let calls: HostedCalls

    /// A provider of the kind `novita` or `highway`.
    public init(settings: ProviderSettings, access: ProviderAccess) {
        name = settings.name
        calls = HostedCalls(settings, access)
        takesPictures = settings.kind == .highway
        // Progress is documented for other tasks only, a key for repeated submits and a way to cancel for none.
        capabilities = Capabilities(
            operations: takesPictures ? Set(TaskOperation.allCases) : [.generate], sizes: .sides(Limits.sidePixelsV3),
            formats: takesPictures ? Set(ImageFormat.allCases) : [.jpeg])
    }

    public func submit(_ job: ProviderJob, progress: @escaping @Sendable (Int) -> Void) async -> SubmitAnswer {
        if let fault = job.fault(capabilities) { return .refused(fault) }
        return await calls.submit("/v3/async/\(HostedCalls.encoded(job.model))", body(job), V3Error.submitAnswer)
    }

    private func body(_ job: ProviderJob) -> JSON {
        var members: [(String, JSON)] = [
            ("prompt", .string(job.image.prompt)), ("size", .string("\(job.image.width)*\(job.image.height)")),
            ("seed", .int(job.image.seed)),
        ]
        if takesPictures {
            members += job.pictureMembers + [("output_format", .string(job.image.format.rawValue))]
        }
        return .object(members)
    }

    public func poll(_ id: String) async -> PollAnswer {
        await calls.poll(Self.path(id)) { V3Result($0)?.answer ?? V3Error($0).pollAnswer }
    }

    private static func path(_ id: String) -> String { "/v3/async/task-result?task_id=\(HostedCalls.encoded(id))" }

    /// There is no way to.
    public func cancel(_ id: String) async -> CancelAnswer { .tooLate }

    public func fetch(_ link: String) async throws(ProviderFault) -> [UInt8] { try await calls.fetch(link) }

    public func test(model: String) async -> [ProviderCheck] {
        await calls.checks(Self.path("00000000-0000-4000-8000-000000000000")) { reply in
            let error = V3Error(reply)
            // Who may not ask is told so first; whoever hears about the task has a good key.
            let isGood = V3Result(reply) != nil || error.pollAnswer == .missing
                || error.reason.map { V3Error.meaning(of: $0) == .job } == true
            if isGood { return .accepted }
            // Every such host has this route, so `API_NOT_FOUND` means another one.
            let isDialect = error.reason != nil && error.refusal != .model
            return HostedCalls.KeyVerdict(error.refusal.map(error.fault), isDialect: isDialect)
        } next: {
            await balance()
        }
    }

    /// Novita alone documents it; a host that does not have it leaves nothing to say.
    private func balance() async -> [ProviderCheck] {
        guard !takesPictures, case .reply(let reply) = await calls.ask(.test, "/openapi/v1/billing/balance/detail"),
            reply.isSuccess, let units = reply.body["availableBalance"].number
        else { return [] }
        return [HostedCalls.balanceCheck("\(units / 10_000) USD", isEmpty: units <= 0)]
    }
}
