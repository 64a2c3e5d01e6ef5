/// When a provider is asked again: soon at first, more rarely the longer a job takes, and never by all at once.
public struct AskSchedule: Sendable {
    /// The first pause, in seconds.
    public var firstSeconds: Double
    /// The longest pause, in seconds.
    public var longestSeconds: Double

    /// A schedule; the defaults ask a job of five seconds about five times.
    public init(firstSeconds: Double = 0.7, longestSeconds: Double = 5) {
        self.firstSeconds = firstSeconds
        self.longestSeconds = longestSeconds
    }

    /// The pause after so many seconds of waiting, and never shorter than the provider asked for.
    /// - Parameter chance: 0 to 1; the pause is up to a fifth shorter or longer by it.
    public func pauseSeconds(waited: Double, askedFor: Double? = nil, chance: Double) -> Double {
        let pause = min(longestSeconds, max(firstSeconds, waited / 4)) * (0.8 + 0.4 * chance)
        return max(pause, askedFor ?? 0)
    }
}
