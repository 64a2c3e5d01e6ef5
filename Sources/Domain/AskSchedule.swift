/// When a provider is asked again: soon at first, more rarely the longer a job takes, and never by all at once. A hint that
/// there is news makes it sooner.
public struct AskSchedule: Sendable {
    /// The first pause, in seconds.
    public var firstSeconds: Double
    /// The longest pause, in seconds.
    public var longestSeconds: Double
    /// The shortest pause however many hints come, in seconds.
    public var hintedSeconds: Double

    /// A schedule; the defaults ask a job of five seconds about five times.
    public init(firstSeconds: Double = 0.7, longestSeconds: Double = 5, hintedSeconds: Double = 0.5) {
        self.firstSeconds = firstSeconds
        self.longestSeconds = longestSeconds
        self.hintedSeconds = hintedSeconds
    }

    /// The pause after so many seconds of waiting, and never shorter than the provider asked for.
    /// - Parameter chance: 0 to 1; the pause is up to a fifth shorter or longer by it.
    public func pauseSeconds(waited: Double, askedFor: Double? = nil, chance: Double) -> Double {
        let pause = min(longestSeconds, max(firstSeconds, waited / 4)) * (0.8 + 0.4 * chance)
        return max(pause, askedFor ?? 0)
    }

    /// The part of a pause that no hint makes shorter, because the provider would be asked too often.
    public func hintedSeconds(of pauseSeconds: Double, askedFor: Double? = nil) -> Double {
        min(pauseSeconds, max(hintedSeconds, askedFor ?? 0))
    }
}
