import Domain
import Foundation
import Synchronization

/// A provider of the unified dialect: EvoLink and those that host its API, or another installation of this product.
///
/// Submits are repeated under an `Idempotency-Key` and charged once. The pages of the hosts know no pictures to start from
/// and no way to cancel; this product has both, and nothing in an answer to a submit tells the two apart: `can_cancel` is true
/// on EvoLink's page as well, where no route for it is found. So the operator says which it is.
///
/// They call back, at https addresses that the internet reaches. A host that refuses ours gets its jobs without it.
public struct UnifiedProvider: ImageProvider {
    public let name: String
    public let capabilities: Capabilities
    private let calls: HostedCalls
    private let addressRefusal = AddressRefusal()

    /// A provider of the kind `unified`.
    /// - Parameter isOurs: whether it is an installation of this product, which also edits, inpaints and cancels. Others would
    ///   ignore the pictures, and bill a wrong one.
    public init(settings: ProviderSettings, access: ProviderAccess, isOurs: Bool = false) {
        name = settings.name
        calls = HostedCalls(settings, access)
        capabilities = Capabilities(
            operations: isOurs ? Set(TaskOperation.allCases) : [.generate], sizes: .sides(Limits.sidePixels),
            reportsProgress: true, cancels: isOurs, callsBack: true, deduplicates: true)
    }

    public func submit(_ job: ProviderJob, progress: @escaping @Sendable (Int) -> Void) async -> SubmitAnswer {
        if let fault = job.fault(capabilities) { return .refused(fault) }
        guard job.callbackURL != nil, !addressRefusal.isKnown.load(ordering: .relaxed) else {
            return await send(job, callbackURL: nil).answer
        }
        let (answer, mayBeTheAddress) = await send(job, callbackURL: job.callbackURL)
        guard mayBeTheAddress else { return answer }
        // Nothing is charged for what is refused, and with the same key it cannot become two tasks.
        let second = await send(job, callbackURL: nil).answer
        if case (.refused, .accepted) = (answer, second) { addressRefusal.isKnown.store(true, ordering: .relaxed) }
        return second
    }

    /// - Returns: what became of it, and whether it might be otherwise without the address: not every host says what it is that
    ///   it refuses, and one that knows the key with another body was asked without an address before.
    private func send(_ job: ProviderJob, callbackURL: String?) async -> (answer: SubmitAnswer, mayBeTheAddress: Bool) {
        let headers = job.reference.isEmpty ? [] : [(name: "idempotency-key", value: job.reference)]
        var mayBeTheAddress = false
        let answer = await calls.submit("/v1/images/generations", Self.body(job, callbackURL), headers: headers) { reply in
            let answer = UnifiedError.submitAnswer(reply)
            mayBeTheAddress =
                switch answer {
                case .refused(let fault): fault.kind == .job || fault.kind == .failed
                case .unknown: UnifiedError(reply)?.isConflict == true
                case .accepted, .made: false
                }
            return answer
        }
        return (answer, mayBeTheAddress)
    }

    private static func body(_ job: ProviderJob, _ callbackURL: String?) -> JSON {
        .object(
            [
                ("model", .string(job.model)), ("prompt", .string(job.image.prompt)),
                // The pixels of the named ratios are documented nowhere.
                ("size", .string("\(job.image.width)x\(job.image.height)")), ("seed", .int(job.image.seed)),
            ] + (job.image.nsfwCheck ? [("nsfw_check", .bool(true))] : []) + job.pictureMembers
                + (callbackURL.map { [("callback_url", .string($0))] } ?? []))
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

/// Whether a host refuses our address for callbacks; known until its settings change or the program ends.
private final class AddressRefusal: Sendable {
    let isKnown = Atomic(false)
}
