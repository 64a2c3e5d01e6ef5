public import Domain

/// Why a provider did not do what it was asked. Nothing is charged for it.
public struct ProviderFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// What follows from it.
    public enum Kind: Sendable, Equatable {
        /// The job itself is refused, as it would be again: the task fails.
        case job
        /// The content is refused: the task fails.
        case moderated
        /// The provider cannot be used until the operator does something: key, balance, model, address. Another is asked.
        case settings
        /// It has enough to do. Another is asked, or this one again after a while, in seconds if it said so.
        case busy(retryAfterSeconds: Double?)
        /// It is down or not reached. Another is asked.
        case away
        /// It tried this job and failed. Another is asked.
        case failed
    }

    /// What follows from it.
    public let kind: Kind
    /// What happened, for operators; at most 300 characters. It may repeat the provider's words, and never holds a secret.
    public let message: String

    /// A fault; a longer message is cut.
    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = String(message.prefix(300))
    }

    public var description: String { message }

    /// Whether it says that the provider is not well, as opposed to the job.
    public var countsAgainstProvider: Bool {
        switch kind {
        case .job, .moderated: false
        case .settings, .busy, .away, .failed: true
        }
    }
}

/// A finished picture.
public struct ProviderPicture: Sendable, Equatable {
    /// Where it is.
    public enum Source: Sendable, Equatable {
        /// Encoded, in any of the formats that we read.
        case bytes([UInt8])
        /// An address that ``ImageProvider/fetch(_:)`` takes.
        case link(String)
    }

    /// Where it is.
    public let source: Source
    /// Seconds that were used, rounded up, for prices that count them; nil when the provider does not tell.
    public let seconds: Int?
    /// What the provider says it bills; nil when it does not tell, and the expected cost holds.
    public let cost: ProviderCost?
    /// Whether the provider itself marked the picture as unfit.
    public let isFlagged: Bool

    /// A finished picture.
    public init(_ source: Source, seconds: Int? = nil, cost: ProviderCost? = nil, isFlagged: Bool = false) {
        self.source = source
        self.seconds = seconds
        self.cost = cost
        self.isFlagged = isFlagged
    }
}

/// What became of a submit.
public enum SubmitAnswer: Sendable, Equatable {
    /// The provider has the job, under an id of its own.
    case accepted(id: String)
    /// Here is the picture.
    case made(ProviderPicture)
    /// It was refused or never arrived, and nothing is charged.
    case refused(ProviderFault)
    /// It was sent, and no answer came from which anything follows: the provider may be at work and may charge for it.
    case unknown(String)
}

/// How a job stands.
public enum PollAnswer: Sendable, Equatable {
    /// It waits or is worked on; percent, where the provider tells.
    case waiting(progress: Int?)
    /// Here is the picture.
    case made(ProviderPicture)
    /// It ended without a picture, and nothing is charged.
    case failed(ProviderFault)
    /// The provider does not know it.
    case missing
    /// The provider could not be asked; seconds to leave it alone, if it said so.
    case unanswered(String, retryAfterSeconds: Double?)
}

/// What became of a wish to stop.
public enum CancelAnswer: Sendable, Equatable {
    /// It stopped, and nothing is charged.
    case cancelled
    /// It had ended, or cannot be stopped any more.
    case tooLate
    /// The provider could not be asked.
    case unknown
}

/// One step of `zadmin provider test`.
public struct ProviderCheck: Sendable, Equatable {
    /// What was tried, in a few words: `reaches https://api.example.com`.
    public let what: String
    /// What is wrong and what to do about it; nil when it is well.
    public let problem: String?

    /// A step.
    public init(_ what: String, problem: String? = nil) {
        self.what = what
        self.problem = problem
    }
}
