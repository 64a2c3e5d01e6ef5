/// What a provider's no to a submit means. Each is only said where it is certain that the provider is not at work on the job:
/// whoever gets it may pay another one.
enum HostedRefusal: Sendable, Equatable {
    /// The request itself.
    case job
    case moderated
    /// The key is none of theirs, or no longer.
    case key
    /// Nothing left to pay with.
    case balance
    /// A limit of this key alone.
    case keyLimit
    /// The key is good, and may not do this.
    case permission
    case model
    /// No API of this kind is there.
    case address
    case busy
    case away
    /// It was refused before anybody looked at it, for a reason that nobody tells.
    case failed

    private func kind(_ retryAfterSeconds: Double?) -> ProviderFault.Kind {
        switch self {
        case .job: .job
        case .moderated: .moderated
        case .key, .balance, .keyLimit, .permission, .model, .address: .settings
        case .busy: .busy(retryAfterSeconds: retryAfterSeconds)
        case .away: .away
        case .failed: .failed
        }
    }

    /// What happened, and what the operator does about it.
    private var words: String {
        switch self {
        case .job: "it refuses the request"
        case .moderated: "its moderation refuses the content"
        case .key: "it refuses the key: set a valid one with `zadmin provider update`"
        case .balance: "the account there has nothing left to pay with: top it up"
        case .keyLimit: "the limit of the key there is used up: raise it there, or set another key with `zadmin provider update`"
        case .permission: "the key may not do this there: have the provider permit it, or set another key"
        case .model: "it does not have the model: correct the model's name for this provider, or its base URL"
        case .address: "there is no API of this kind: correct the base URL or the kind"
        case .busy: "it has enough to do"
        case .away: "it is not available"
        case .failed: "it refused the request for a reason that it does not tell"
        }
    }

    /// The fault.
    /// - Parameters:
    ///   - said: the provider's own words; without any, what it answered.
    ///   - retryAfterSeconds: nil for what the header says.
    func fault(_ reply: HostedReply, said: [String?] = [], retryAfterSeconds: Double? = nil) -> ProviderFault {
        let own = said.compactMap { $0 }.joined(separator: ": ")
        let quoted = own.isEmpty ? reply.summary : reply.clean(own)
        return ProviderFault(kind(retryAfterSeconds ?? reply.retryAfterSeconds), "\(words) (\(quoted))")
    }

    /// What a status says by itself, where the body is nothing that the provider documents: the meaning that HTTP gives it.
    /// Nil where somebody may have begun to work: gateways answer 500, 502, 503 and 504 also for requests that they have
    /// passed on, 302 and 303 may point to what a request has made, and 408 and 409 leave open what became of it.
    init?(bareStatus status: Int) {
        switch status {
        case 401, 403: self = .key
        case 402: self = .balance
        case 301, 307, 308, 404, 405, 406, 410, 421, 426: self = .address
        case 429: self = .busy
        case 400, 411, 413, 414, 415, 417, 422, 431: self = .failed
        default: return nil
        }
    }

    /// The same where the body is the provider's own error, with a word that is not in its documents.
    init?(documentedStatus status: Int) {
        switch status {
        case 400, 413, 422: self = .job
        case 404: self = .model
        default: self.init(bareStatus: status)
        }
    }
}
