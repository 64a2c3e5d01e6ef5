import Domain

/// An error of the unified dialect: `{"error": {"code", "message", "type", "param", "fallback_suggestion"}}`. The code is the
/// status as a number on the page of the submit, and a word on that of the query and in what real servers answer.
struct UnifiedError: Sendable {
    let code: String?
    let type: String?
    private let reply: HostedReply

    /// Nil where the body has none.
    init?(_ reply: HostedReply) {
        let error = reply.body["error"]
        guard error.isObject else { return nil }
        self.reply = reply
        code = error["code"].text.flatMap { $0.wholeMatch(of: /[0-9]+/) == nil ? $0 : nil }
        type = error["type"].text
    }

    /// The codes that leave open what became of a submit: the first says so; by the second, a request of ours had the same key
    /// before the settings changed, and may have been accepted.
    private static let undecided: Set = ["paid_outcome_unknown", conflict]
    private static let conflict = "idempotency_conflict"

    /// Whether a submit had the key of an earlier one and another body.
    var isConflict: Bool { code == Self.conflict }

    /// What a code means; nil for those that say nothing about whether somebody is at work.
    static func meaning(ofCode code: String) -> HostedRefusal? {
        switch code {
        case "content_policy_violation": .moderated
        case "invalid_parameters", "image_processing_error", "image_dimension_mismatch": .job
        case "insufficient_quota", "insufficient_user_quota", "quota_not_enough": .balance
        case "insufficient_token_quota", "token_daily_quota_exceeded": .keyLimit
        case "key_disabled", "key_expired": .key
        case "key_model_not_allowed", "key_address_not_allowed", "key_scope_missing": .permission
        case "no_available_channel", "model_unavailable", "service_unavailable": .away
        default: nil
        }
    }

    /// What a type means; nil for `internal_server_error`, which may come after the task was made.
    static func meaning(ofType type: String) -> HostedRefusal? {
        switch type {
        case "invalid_request_error", "request_too_large_error": .job
        case "authentication_error": .key
        case "insufficient_quota_error": .balance
        case "permission_error": .permission
        case "not_found_error": .model
        case "rate_limit_error": .busy
        case "upstream_error", "service_unavailable_error": .away
        default: nil
        }
    }

    /// What the answer to a submit means.
    var refusal: HostedRefusal? {
        if let code, Self.undecided.contains(code) { return nil }
        return code.flatMap(Self.meaning(ofCode:)) ?? type.flatMap(Self.meaning(ofType:))
            ?? HostedRefusal(documentedStatus: reply.status)
    }

    func fault(_ refusal: HostedRefusal) -> ProviderFault {
        refusal.fault(reply, said: words, retryAfterSeconds: retryAfterSeconds)
    }

    private var words: [String?] { [code ?? type, reply.body["error"]["message"].text] }

    var said: String {
        "it answered \(reply.status) (\(reply.clean(words.compactMap { $0 }.joined(separator: ": "))))"
    }

    /// The header, or the page's `retry after 60 seconds`.
    var retryAfterSeconds: Double? {
        if let seconds = reply.retryAfterSeconds { return seconds }
        let text = reply.body["error"]["fallback_suggestion"].text?.lowercased() ?? ""
        return text.firstMatch(of: /retry after ([0-9]{1,4}) seconds?/).flatMap { Double($0.1) }
    }

    /// The answer to a submit: a task, of which only the id matters, or an error.
    static func submitAnswer(_ reply: HostedReply) -> SubmitAnswer {
        if reply.isSuccess, let id = HostedReply.id(reply.body["id"]) { return .accepted(id: id) }
        guard let error = UnifiedError(reply) else {
            guard let refusal = HostedRefusal(bareStatus: reply.status) else { return .unknown(reply.summary) }
            return .refused(refusal.fault(reply))
        }
        guard let refusal = error.refusal else { return .unknown(error.said) }
        return .refused(error.fault(refusal))
    }

    /// The answer to a query, when it is no task. That the key is not taken any more says nothing about the job.
    static func pollAnswer(_ reply: HostedReply) -> PollAnswer {
        let error = UnifiedError(reply)
        // No page shows the 404 of a task that is not there. Without a body it is a gateway's.
        let isMissing = reply.status == 404 && reply.body.isObject
        if isMissing || error?.code == "invalid_task_id" || error?.code == "task_not_found" { return .missing }
        return .unanswered(
            error?.said ?? reply.summary, retryAfterSeconds: error?.retryAfterSeconds ?? reply.retryAfterSeconds)
    }
}

/// A task of the unified dialect.
struct UnifiedResult: Sendable {
    private let reply: HostedReply

    /// Nil where it is none.
    init?(_ reply: HostedReply) {
        guard reply.isSuccess, reply.body["status"].text != nil else { return nil }
        self.reply = reply
    }

    var status: String { reply.body["status"].text ?? "" }

    var answer: PollAnswer {
        switch status {
        case "completed": picture
        case "failed": .failed(fault)
        // Not on the page of the query; callbacks and the host's own client know it.
        case "cancelled": .failed(ProviderFault(.failed, "the task was cancelled there"))
        // Whatever a new word means, the task has not ended for certain, and to say that it failed would be to pay somebody
        // else for the same picture.
        default: .waiting(progress: reply.body["progress"].whole.map { min(max($0, 0), 100) })
        }
    }

    private var picture: PollAnswer {
        let links = ["results", "result_data", "images"].lazy.compactMap { reply.body[$0].links.first }
        // It may be charged for, so it is no failure; the link may come yet.
        guard let link = links.first else {
            return .unanswered("the task is completed and there is no link to a picture", retryAfterSeconds: nil)
        }
        return .made(ProviderPicture(
            .link(link), seconds: HostedNumbers.seconds(reply.body["duration"].number),
            cost: HostedNumbers.usd(reply.body["usage"]["cost"]["usd"].number)))
    }

    private var fault: ProviderFault {
        let error = reply.body["error"]
        let kind: ProviderFault.Kind =
            switch error["code"].text {
            case "content_policy_violation": .moderated
            case "invalid_parameters", "image_processing_error", "image_dimension_mismatch": .job
            case "quota_exceeded", "resource_exhausted": .busy(retryAfterSeconds: nil)
            case "service_unavailable": .away
            default: .failed
            }
        let words = [error["code"].text, error["message"].text].compactMap { $0 }.joined(separator: ": ")
        return ProviderFault(kind, "the task failed (\(reply.clean(words.isEmpty ? "no reason given" : words)))")
    }
}
