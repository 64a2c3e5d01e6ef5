import Domain
import Foundation

/// An error of the v3 dialect: `{"code", "reason", "message", "metadata"}`, the reason a word of the hosts' tables.
struct V3Error: Sendable {
    let reason: String?
    private let reply: HostedReply

    init(_ reply: HostedReply) {
        self.reply = reply
        let text = reply.body["reason"].text ?? ""
        reason = text.wholeMatch(of: /[A-Z][A-Z0-9_]+/) == nil ? nil : text
    }

    private var message: String? { reply.body["message"].text }

    /// What a reason means for a submit; nil for those after which the task may be there: `TASK_FAILED`, `GET_RESULT_FAILED`
    /// and whatever is in no table.
    static func meaning(of reason: String) -> HostedRefusal? {
        switch reason {
        case "ILLEGAL_PROMPT", "ILLEGAL_IMAGE_CONTENT": .moderated
        case "INVALID_REQUEST_BODY", "IMAGE_FILE_EXCEEDS_MAX_SIZE", "INVALID_IMAGE_FORMAT", "IMAGE_EXCEEDS_MAX_RESOLUTION",
            "INVALID_IMAGE_SIZE", "IMAGE_NO_FACE_DETECTED", "INVALID_CUSTOM_OUTPUT_PATH", "INVALID_AUDIO_FILE":
            .job
        case "MISSING_API_KEY", "INVALID_API_KEY", "FAILED_TO_AUTH": .key
        case "BILLING_BALANCE_NOT_ENOUGH", "NOT_ENOUGH_BALANCE": .balance
        case "FEATURE_NOT_ALLOWED", "API_NOT_ALLOWED", "ACCESS_DENY", "NEED_REAL_NAME_VERIFY", "BILLING_AUTH_FAILED":
            .permission
        // The model is a part of the route.
        case "MODEL_NOT_FOUND", "API_NOT_FOUND": .model
        case "RATE_LIMIT_EXCEEDED", "TOKEN_LIMIT_EXCEEDED": .busy
        case "SERVICE_NOT_AVAILABLE", "CREATE_TASK_FAILED", "BILLING_FAILED": .away
        default: nil
        }
    }

    /// What the answer to a submit means, when it is no task.
    var refusal: HostedRefusal? {
        guard let reason else { return HostedRefusal(bareStatus: reply.status) }
        return Self.meaning(of: reason) ?? HostedRefusal(documentedStatus: reply.status)
    }

    func fault(_ refusal: HostedRefusal) -> ProviderFault { refusal.fault(reply, said: [reason, message]) }

    /// The answer to a submit: `{"task_id"}`, or an error.
    static func submitAnswer(_ reply: HostedReply) -> SubmitAnswer {
        if reply.isSuccess, let id = HostedReply.id(reply.body["task_id"]) { return .accepted(id: id) }
        let error = V3Error(reply)
        return error.refusal.map { .refused(error.fault($0)) } ?? .unknown(error.said)
    }

    /// The answer to a query, when it is no task. That the key is not taken any more says nothing about the job.
    var pollAnswer: PollAnswer {
        if reason == "TASK_FAILED" { return .failed(ProviderFault(.failed, "the task failed: \(said)")) }
        if reason == "TASK_NOT_FOUND" { return .missing }
        // No page shows the body for a task that is not there. A 404 without any is a gateway's.
        if reply.status == 404, reply.body.isObject, reason != "API_NOT_FOUND" { return .missing }
        return .unanswered(said, retryAfterSeconds: reply.retryAfterSeconds)
    }

    private var said: String {
        let own = [reason, message].compactMap { $0 }.joined(separator: ": ")
        return own.isEmpty ? reply.summary : "it answered \(reply.status) (\(reply.clean(own)))"
    }
}

/// A task of the v3 dialect: `{"extra", "task", "images", ...}`.
struct V3Result: Sendable {
    private let reply: HostedReply

    /// Nil where it is none.
    init?(_ reply: HostedReply) {
        guard reply.isSuccess, reply.body["task"]["status"].text != nil else { return nil }
        self.reply = reply
    }

    var answer: PollAnswer {
        switch reply.body["task"]["status"].text {
        case "TASK_STATUS_SUCCEED": picture
        case "TASK_STATUS_FAILED": .failed(fault)
        // There are two more words. Whatever a new one means, the task has not ended for certain, and to say that it failed
        // would be to pay somebody else for the same picture.
        default: .waiting(progress: progress)
        }
    }

    /// It stays at 0 for many kinds of tasks, so 0 says nothing.
    private var progress: Int? {
        reply.body["task"]["progress_percent"].whole.flatMap { $0 > 0 ? min($0, 100) : nil }
    }

    private var picture: PollAnswer {
        let links = reply.body["images"].links + reply.body["results"].links
        // It may be charged for, so it is no failure; the link may come yet.
        guard let link = links.first else {
            return .unanswered("the task succeeded and there is no link to a picture", retryAfterSeconds: nil)
        }
        return .made(ProviderPicture(.link(link), seconds: seconds, isFlagged: isFlagged))
    }

    /// `[false]` comes from hosts that tell it for each picture; everything else in the list is a mark.
    private var isFlagged: Bool {
        reply.body["extra"]["has_nsfw_contents"].values.contains { $0 != .bool(false) && $0 != .null }
            || reply.body["images"].values.contains { $0["nsfw_detection_result"]["valid"].isTrue }
    }

    private var seconds: Int? {
        let times = reply.body["extra"]["debug_info"]
        guard let began = times["execute_time_ms"].number, let ended = times["complete_time_ms"].number, began > 0 else {
            return nil
        }
        return HostedNumbers.seconds((ended - began) / 1000)
    }

    /// Reasons are free text; some hosts begin them with a word of the table.
    private var fault: ProviderFault {
        let reason = reply.body["task"]["reason"].text ?? "no reason given"
        let word = reason.prefixMatch(of: /[A-Z][A-Z0-9_]+/).flatMap { V3Error.meaning(of: String($0.output)) }
        let kind: ProviderFault.Kind =
            switch word {
            case .moderated: .moderated
            case .job: .job
            default: .failed
            }
        return ProviderFault(kind, "the task failed (\(reply.clean(reason)))")
    }
}
