/// Decides whether a program that we call is worth asking. After failures in a row it is left alone for a while, and then
/// one question finds out whether it is back. Each that fails makes the rest twice as long, up to a bound.
public struct Circuit: Sendable, Equatable {
    /// When it opens and how long it rests.
    public struct Rule: Sendable, Equatable {
        /// Failures in a row that open it.
        public var failuresMax: Int
        /// The first rest, in seconds.
        public var restSeconds: Double
        /// The longest rest, in seconds.
        public var restSecondsMax: Double
        /// How long the question that finds out whether it is back is waited for, in seconds; then another may.
        public var probeSecondsMax: Double

        /// A rule; without a longest rest all are alike.
        public init(
            failuresMax: Int = 5, restSeconds: Double = 10, restSecondsMax: Double? = nil, probeSecondsMax: Double = 120
        ) {
            self.failuresMax = failuresMax
            self.restSeconds = restSeconds
            self.restSecondsMax = max(restSeconds, restSecondsMax ?? restSeconds)
            self.probeSecondsMax = probeSecondsMax
        }
    }

    /// How it stands.
    public enum State: Sendable, Equatable {
        /// Whoever wants may ask.
        case closed
        /// It is left alone after failures until a moment.
        case open(until: ContinuousClock.Instant)
        /// One question may find out whether it is back.
        case due
        /// That question is under way.
        case probing
        /// It said that it has enough to do, and is left alone until a moment.
        case busy(until: ContinuousClock.Instant)
    }

    /// The longest that a program that has enough to do is left alone, whatever it asks for.
    public static let busySecondsMax = 300.0

    private let rule: Rule
    /// In a row.
    public private(set) var failures = 0
    private var openUntil: ContinuousClock.Instant?
    private var busyUntil: ContinuousClock.Instant?
    private var probeUntil: ContinuousClock.Instant?
    private var lastRest = 0.0
    private var restedFrom: ContinuousClock.Instant?

    /// A closed circuit.
    public init(_ rule: Rule = Rule()) { self.rule = rule }

    /// Whether it is left alone after failures, or tried again after them.
    public var isOpen: Bool { openUntil != nil }
    /// Whether a question that is to find out whether it is back has not been answered.
    public var isProbing: Bool { probeUntil != nil }

    /// How it stands at a moment.
    public func state(at now: ContinuousClock.Instant) -> State {
        if let openUntil {
            if let probeUntil, now < probeUntil { return .probing }
            if now < openUntil { return .open(until: openUntil) }
            if let busyUntil, now < busyUntil { return .busy(until: busyUntil) }
            return .due
        }
        if let busyUntil, now < busyUntil { return .busy(until: busyUntil) }
        return .closed
    }

    /// Whether a question may be asked now. Whoever was permitted one must say how it went.
    public mutating func permits(at now: ContinuousClock.Instant) -> Bool {
        switch state(at: now) {
        case .closed: return true
        case .due:
            probeUntil = now + .seconds(rule.probeSecondsMax)
            return true
        case .open, .probing, .busy: return false
        }
    }

    /// A question was answered. One who has enough to do is left alone all the same.
    /// - Parameter asked: when it was asked; an answer to one from before it was left alone does not end that.
    public mutating func succeeded(asked: ContinuousClock.Instant? = nil) {
        if let restedFrom, let asked, asked < restedFrom { return }
        let busyUntil = busyUntil
        self = Circuit(rule)
        self.busyUntil = busyUntil
    }

    /// A question was not answered.
    /// - Returns: whether this is news: it is left alone from now on.
    public mutating func failed(at now: ContinuousClock.Instant) -> Bool {
        failures += 1
        if openUntil == nil {
            guard failures >= rule.failuresMax else { return false }
            rest(rule.restSeconds, at: now)
            return true
        }
        // Of questions that were asked before it opened, only the probe's answer counts.
        if isProbing { rest(lastRest * 2, at: now) }
        return false
    }

    /// A question was answered in a way that makes others useless until somebody acts, such as a key that is not valid.
    /// - Returns: whether this is news.
    public mutating func open(forSeconds seconds: Double, at now: ContinuousClock.Instant) -> Bool {
        failures += 1
        let isNews = openUntil == nil
        rest(isProbing ? max(seconds, lastRest * 2) : seconds, at: now, most: max(seconds, rule.restSecondsMax))
        return isNews
    }

    /// It has enough to do: it is left alone for a while, which does not count as a failure.
    public mutating func busy(forSeconds seconds: Double, at now: ContinuousClock.Instant) {
        probeUntil = nil
        let until = now + .seconds(min(max(seconds, 0), Self.busySecondsMax))
        busyUntil = busyUntil.map { max($0, until) } ?? until
    }

    /// A question was given up by the one who asked, which says nothing about the one who was asked.
    public mutating func abandoned() { probeUntil = nil }

    private mutating func rest(_ seconds: Double, at now: ContinuousClock.Instant, most: Double? = nil) {
        probeUntil = nil
        lastRest = min(seconds, most ?? rule.restSecondsMax)
        restedFrom = now
        openUntil = now + .seconds(lastRest)
    }
}
