import Domain

/// A reply of zimageturbo.ai: `{"code", "message", "data"}`. Its clients look at the code, which may tell an error with status
/// 200; its page shows the body of no error.
struct ZImageTurboReply: Sendable {
    private let reply: HostedReply

    init(_ reply: HostedReply) { self.reply = reply }

    /// The body's code where the status says that all is well, and the status where it does not.
    var status: Int { reply.isSuccess ? reply.body["code"].whole ?? reply.status : reply.status }
    /// Whether the body has the form of the dialect.
    var isDialect: Bool { reply.body["code"].whole != nil }

    private var data: LooseJSON { reply.body["data"] }
    private var message: String? { reply.body["message"].text }

    /// What the status says on a submit; nil where the task may be there.
    var refusal: HostedRefusal? {
        isDialect && status != 404 ? HostedRefusal(documentedStatus: status) : HostedRefusal(bareStatus: status)
    }

    var fault: ProviderFault? { refusal?.fault(reply, said: [message]) }

    var submitAnswer: SubmitAnswer {
        // A task that has an id can be asked for, whatever else the reply says.
        if reply.isSuccess, let id = HostedReply.id(data["task_id"]) { return .accepted(id: id) }
        return fault.map(SubmitAnswer.refused) ?? .unknown(said)
    }

    var pollAnswer: PollAnswer {
        guard reply.isSuccess, let word = data["status"].text else {
            // Without a body it is a gateway's.
            if status == 404, isDialect { return .missing }
            return .unanswered(said, retryAfterSeconds: reply.retryAfterSeconds)
        }
        switch word {
        case "SUCCESS": return picture
        // On no page; those who call it have seen it. Failed tasks are not charged.
        case "FAILED":
            let reason = data["error_message"].text ?? "no reason given"
            let kind: ProviderFault.Kind = Self.isModeration(reason) ? .moderated : .failed
            return .failed(ProviderFault(kind, "the task failed (\(reply.clean(reason)))"))
        // IN_PROGRESS, and words that nobody has seen: to say that such a task failed would be to pay somebody else for the
        // same picture.
        default: return .waiting(progress: nil)
        }
    }

    /// Reasons are free text. This is how the host words it whose model it resells; whoever is not recognised here is tried
    /// elsewhere, and told that the picture failed.
    private static func isModeration(_ reason: String) -> Bool {
        let text = reason.lowercased()
        return text.contains("flagged as potentially sensitive") || text.contains("content policy")
    }

    /// What it consumed is in credits that have no price, so it is no cost.
    private var picture: PollAnswer {
        let links = ["response", "images", "results"].lazy.compactMap { data[$0].links.first }
        // It may be charged for, so it is no failure; the link may come yet.
        guard let link = links.first else {
            return .unanswered("the task succeeded and there is no link to a picture", retryAfterSeconds: nil)
        }
        return .made(ProviderPicture(.link(link)))
    }

    private var said: String {
        let text = status == reply.status ? reply.summary : "it answered \(reply.status) with the code \(status)"
        return message.map { "\(text) (\(reply.clean($0)))" } ?? text
    }
}
