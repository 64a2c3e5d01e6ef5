import Domain
import Foundation

/// A provider of the unified dialect: EvoLink and those that host its API, or another installation of this product.
///
/// Submits are repeated under an `Idempotency-Key` and charged once. The pages of the hosts know no pictures to start from
/// and no way to cancel; this product has both, and nothing in an answer to a submit tells the two apart: `can_cancel` is true
/// on EvoLink's page as well, where no route for it is found. So the operator says which it is.
public struct UnifiedProvider: ImageProvider {
    public let name: String
    public let capabilities: Capabilities
    private let calls: HostedCalls

    /// A provider of the kind `unified`.
    /// - Parameter isOurs: whether it is an installation of this product, which also edits, inpaints and cancels. Others would
    ///   ignore the pictures, and bill a wrong one.
    public init(settings: ProviderSettings, access: ProviderAccess, isOurs: Bool = false) {
        name = settings.name
        calls = HostedCalls(settings, access)
        capabilities = Capabilities(
            operations: isOurs ? Set(TaskOperation.allCases) : [.generate], sizes: .sides(Limits.sidePixels),
            reportsProgress: true, cancels: isOurs, deduplicates: true)
    }

    public func submit(_ job: ProviderJob, progress: @escaping @Sendable (Int) -> Void) async -> SubmitAnswer {
        if let fault = job.fault(capabilities) { return .refused(fault) }
        let headers = job.reference.isEmpty ? [] : [(name: "idempotency-key", value: job.reference)]
        return await calls.submit("/v1/images/generations", Self.body(job), headers: headers, UnifiedError.submitAnswer)
    }

    private static func body(_ job: ProviderJob) -> JSON {
        .object(
            [
                ("model", .string(job.model)), ("prompt", .string(job.image.prompt)),
                // The pixels of the named ratios are documented nowhere.
                ("size", .string("\(job.image.width)x\(job.image.height)")), ("seed", .int(job.image.seed)),
            ] + (job.image.nsfwCheck ? [("nsfw_check", .bool(true))] : []) + job.pictureMembers)
    }

    public func poll(_ id: String) async -> PollAnswer {
        await calls.poll(Self.path(id)) { UnifiedResult($0)?.answer ?? UnifiedError.pollAnswer($0) }
    }

    private static func path(_ id: String) -> String { "/v1/tasks/\(HostedCalls.encoded(id))" }

    public func cancel(_ id: String) async -> CancelAnswer {
        guard case .reply(let reply) = await calls.ask(.cancel, Self.path(id) + "/cancel", method: "POST") else {
            return .unknown
        }
        switch (UnifiedResult(reply)?.status, reply.status) {
        case ("cancelled", _): return .cancelled
        case ("completed", _), ("failed", _): return .tooLate
        // It runs where it cannot be stopped, or there is no such route or task.
        case (nil, 404), (nil, 405), (nil, 409), (nil, 410): return .tooLate
        default: return .unknown
        }
    }

    /// A submit is repeated instead: it is the same task.
    public func find(_ job: ProviderJob) async -> FindAnswer { .unknown }

    public func fetch(_ link: String) async throws(ProviderFault) -> [UInt8] { try await calls.fetch(link) }

    public func test(model: String) async -> [ProviderCheck] {
        var credits: HostedReply?
        return await calls.checks("/v1/credits") { reply in
            if reply.isSuccess, reply.body["data"].isObject {
                credits = reply
                return .accepted
            }
            return await verdict(reply)
        } next: {
            (credits.map(Self.balance) ?? []) + (await models(model))
        }
    }

    /// Hosts without the route of the balance are asked for a task that nobody has.
    private func verdict(_ reply: HostedReply) async -> HostedCalls.KeyVerdict {
        if let error = UnifiedError(reply), let refusal = error.refusal, refusal != .model {
            return HostedCalls.KeyVerdict(error.fault(refusal), isDialect: true)
        }
        guard case .reply(let second) = await calls.ask(.test, Self.path("task-unified-0-aaaaaaaa")) else {
            return .strange(nil)
        }
        if UnifiedResult(second) != nil || UnifiedError.pollAnswer(second) == .missing { return .accepted }
        let error = UnifiedError(second)
        return HostedCalls.KeyVerdict(error.flatMap { error in error.refusal.map(error.fault) }, isDialect: error != nil)
    }

    private static func balance(_ reply: HostedReply) -> [ProviderCheck] {
        let (user, token) = (reply.body["data"]["user"], reply.body["data"]["token"])
        var checks: [ProviderCheck] = []
        if let credits = user["remaining_credits"].number {
            checks.append(HostedCalls.balanceCheck("\(credits) credits", isEmpty: credits <= 0))
        }
        if !token["unlimited_credits"].isTrue, let credits = token["remaining_credits"].number {
            checks.append(ProviderCheck(
                "has a key with \(credits) credits left", problem: credits > 0 ? nil : "the key's limit is used up: raise it there"))
        }
        return checks
    }

    private func models(_ model: String) async -> [ProviderCheck] {
        guard case .reply(let reply) = await calls.ask(.test, "/v1/models"), reply.isSuccess else { return [] }
        let names = reply.body["data"].values.compactMap { $0["id"].text }
        guard !names.isEmpty else { return [] }
        let what = "has the model \(model)"
        guard !names.contains(model) else { return [ProviderCheck(what)] }
        return [ProviderCheck(what, problem: "it lists \(reply.clean(names.joined(separator: ", "))): correct the model's name")]
    }
}
