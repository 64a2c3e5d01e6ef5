import Curl
import Domain
import Foundation

/// What an answer, or the lack of one, means for the money.
///
/// The operator's own engine bills nothing, so whatever went wrong there is refused and another may be asked. Where pictures
/// are billed, nobody may be asked before it is known whether this one was.
struct EngineVerdicts: Sendable {
    private let bills: Bool
    private let secret: String?

    init(_ settings: ProviderSettings) {
        bills = settings.cost != nil
        secret = settings.secret
    }

    /// It was sent, and no answer came.
    func lost(_ text: String) -> SubmitAnswer { open(.away, text) }

    /// It worked, and what came cannot be used: damaged, of another size, or no picture at all. ``SubmitAnswer/made(_:)``
    /// cannot hold that, and where it was billed a refusal would say the opposite.
    func useless(_ text: String) -> SubmitAnswer { open(.failed, text) }

    private func open(_ kind: ProviderFault.Kind, _ text: String) -> SubmitAnswer {
        let text = clean(text)
        return bills ? .unknown(String(text.prefix(300))) : .refused(ProviderFault(kind, text))
    }

    /// It said success and then what went wrong.
    func complaint(_ object: EngineObject) -> SubmitAnswer {
        let text = clean(object.complaint ?? "it failed without a reason")
        if Self.isModerated(object) { return .refused(ProviderFault(.moderated, text)) }
        return useless(text)
    }

    /// It answered with a status that is none of success.
    func refusal(_ response: TransferResponse) -> SubmitAnswer {
        let object = EngineObject(response.body)
        let status = response.status
        let text = clean(object?.complaint.map { "\(status): \($0)" } ?? "it answers with status \(status)")
        let isDecided = status < 500 && status != 408
        if isDecided, status == 451 || object.map(Self.isModerated) == true { return .refused(ProviderFault(.moderated, text)) }
        switch status {
        case 429 where object.map(Self.isUnpaid) == true: return .refused(ProviderFault(.settings, text))
        case 429: return .refused(ProviderFault(.busy(retryAfterSeconds: retryAfter(response)), text))
        case 400 where object.map(Self.isSetUpWrongly) == true: return .refused(ProviderFault(.settings, text))
        case 400, 413, 415, 422: return .refused(ProviderFault(.job, text))
        // These may point to what the request has made.
        case 302, 303: return open(.settings, text + ": correct its base URL, redirects are not followed")
        case 300..<400: return .refused(ProviderFault(.settings, text + ": correct its base URL, redirects are not followed"))
        case 401, 402, 403: return .refused(ProviderFault(.settings, text))
        case 404, 405, 501: return .refused(ProviderFault(.settings, text + ": check its base URL, kind and model"))
        // Said in words, or with a time: a queue is full, or a model is being loaded, and nothing was begun. Gateways answer
        // it without either, also for requests that they have passed on.
        case 503:
            let seconds = retryAfter(response)
            guard seconds != nil || object?.complaint != nil else { return lost(text) }
            return .refused(ProviderFault(seconds == nil ? .away : .busy(retryAfterSeconds: seconds), text))
        // From something between it and us, which does not know what it does. 520 and the like are Cloudflare's.
        case 408, 502, 504, 520..<530: return lost(text)
        case 500...: return useless(text)
        // What HTTP says about requests that nobody has begun.
        case 406, 410, 411, 414, 417, 421, 426, 431: return .refused(ProviderFault(.failed, text))
        default: return useless(text)
        }
    }

    private static func isModerated(_ object: EngineObject) -> Bool {
        !object.complaintCodes.isDisjoint(with: ["moderation_blocked", "content_policy_violation"])
    }

    private static func isUnpaid(_ object: EngineObject) -> Bool {
        object.complaintCodes.contains("insufficient_quota")
    }

    /// Errors that OpenAI and vLLM-Omni answer with the status of a faulty request, and which every request would get.
    private static func isSetUpWrongly(_ object: EngineObject) -> Bool {
        let codes: Set = ["invalid_api_key", "model_not_found", "billing_hard_limit_reached", "billing_not_active"]
        return !object.complaintCodes.isDisjoint(with: codes) || object.complaint?.hasPrefix("Model mismatch") == true
    }

    private func retryAfter(_ response: TransferResponse) -> Double? {
        response.header("retry-after").flatMap { RetryAfter.seconds($0, now: Date()) }.map(Double.init)
    }

    /// Words of another program, fit for a terminal and a log: one line, and without our key should it repeat it.
    func clean(_ text: String) -> String {
        var text = String(text.prefix(2_000))
        if let secret, !secret.isEmpty { text = text.replacingOccurrences(of: secret, with: "***") }
        let unfit: Set<Unicode.GeneralCategory> = [.control, .format, .lineSeparator, .paragraphSeparator]
        let scalars = text.unicodeScalars.map { (scalar) -> Unicode.Scalar in
            unfit.contains(scalar.properties.generalCategory) ? " " : scalar
        }
        return String(String.UnicodeScalarView(scalars))
    }
}
