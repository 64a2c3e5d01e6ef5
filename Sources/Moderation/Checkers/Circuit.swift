/// Decides whether a checker is worth asking: after failures in a row it is left alone for a while, and then one question
/// finds out whether it is back.
struct Circuit {
    static let failuresMax = 5
    static let restSeconds = 10.0

    private var failures = 0
    private var closedUntil: ContinuousClock.Instant?
    private var isProbing = false

    /// Whether a question may be asked now. Whoever was permitted one must say how it went.
    mutating func permits(at now: ContinuousClock.Instant) -> Bool {
        guard let closedUntil else { return true }
        guard now >= closedUntil, !isProbing else { return false }
        isProbing = true
        return true
    }

    /// A question was answered.
    mutating func succeeded() { self = Circuit() }

    /// A question was not answered.
    /// - Returns: whether this is news: the checker is left alone from now on.
    mutating func failed(at now: ContinuousClock.Instant) -> Bool {
        failures += 1
        isProbing = false
        guard failures >= Self.failuresMax else { return false }
        defer { closedUntil = now + .seconds(Self.restSeconds) }
        return closedUntil == nil
    }

    /// A question was given up by the one who asked, which says nothing about the checker.
    mutating func abandoned() { isProbing = false }
}
