/// What a checker said lately, by the digest of what it was asked about. The same prompt is often sent many times.
struct ScoreCache {
    typealias Scores = [ModerationCategory: Double]

    static let lifeSeconds = 300.0
    static let entriesMax = 4096

    private struct Entry {
        let scores: Scores
        let until: ContinuousClock.Instant
    }

    /// Two generations: when the younger is full it becomes the older, and the older is forgotten.
    private var young: [[UInt8]: Entry] = [:]
    private var old: [[UInt8]: Entry] = [:]

    var count: Int { young.count + old.count }

    func scores(_ digest: [UInt8], at now: ContinuousClock.Instant) -> Scores? {
        guard let entry = young[digest] ?? old[digest], now < entry.until else { return nil }
        return entry.scores
    }

    mutating func keep(_ scores: Scores, for digest: [UInt8], at now: ContinuousClock.Instant) {
        if young.count >= Self.entriesMax / 2 { (old, young) = (young, [:]) }
        young[digest] = Entry(scores: scores, until: now + .seconds(Self.lifeSeconds))
    }
}
