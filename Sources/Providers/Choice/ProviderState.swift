/// What is known of a provider at the moment of a choice.
public struct ProviderState: Sendable, Equatable {
    /// Why it gets no jobs; nil when it may have one.
    public var rest: ProviderRest?
    /// What a picture takes there, in seconds; nil when it is not known.
    public var latencySeconds: Double?
    /// Its jobs over all nodes. Nodes leave this and the next at 0: they are told when they write a submit down, exactly.
    public var running = 0
    /// How long no more requests may be sent to it, in seconds.
    public var limitedSeconds = 0.0
    /// What else to tell about it; where one node speaks, that the next job finds out whether it is back.
    public var note: String?

    /// Without arguments: it is well and idle.
    public init(rest: ProviderRest? = nil, note: String? = nil, latencySeconds: Double? = nil) {
        self.rest = rest
        self.note = note
        self.latencySeconds = latencySeconds
    }
}

/// Why a provider gets no jobs for a while.
public struct ProviderRest: Sendable, Equatable {
    /// What follows for who looks at it.
    public enum Kind: String, Sendable {
        /// It failed, and rests.
        case failing
        /// It failed and has rested: the next job finds out whether it is back. Only told, because that job may be any.
        case due
        /// It failed, and one job finds out whether it is back.
        case tried
        /// It said that it has enough to do.
        case busy
        /// It does not answer.
        case silent
    }

    /// The kind.
    public let kind: Kind
    /// When it is worth looking again.
    public let seconds: Double
    /// What is behind it.
    public let why: String

    /// A rest.
    public init(_ kind: Kind, seconds: Double, why: String) {
        self.kind = kind
        self.seconds = seconds
        self.why = why
    }

    /// In plain words, with the time where it is known.
    public var text: String {
        switch kind {
        case .due, .tried, .silent: why
        case .busy: "left alone for \(Int(seconds.rounded(.up))) s, \(why)"
        case .failing: "left alone for \(Int(seconds.rounded(.up))) s \(why)"
        }
    }
}
