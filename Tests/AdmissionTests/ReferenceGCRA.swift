/// The generic cell rate algorithm as the textbook has it, to compare the database's with. Times are microseconds.
struct ReferenceGCRA {
    let emission: Int64
    let tolerance: Int64
    let limit: Int
    let burst: Int
    var arrival: Int64

    init(perMinute: Int, burst: Int?, arrival: Int64) {
        limit = perMinute
        self.burst = burst ?? perMinute
        emission = 60_000_000 / Int64(perMinute)
        tolerance = emission * Int64(self.burst)
        self.arrival = arrival
    }

    /// Where a request at this moment would move the arrival time to. Its own requests never bring it further than the
    /// tolerance before the clock; what another limit left beyond that does not count.
    private func next(at now: Int64) -> Int64 { max(min(arrival, now + tolerance), now) + emission }

    /// How long a request at this moment would have to wait; 0 when it may come.
    func wait(at now: Int64) -> Int64 { max(next(at: now) - tolerance - now, 0) }

    /// How many requests could still come at this moment after one more.
    func remaining(at now: Int64) -> Int { Int(max((now + tolerance - next(at: now)) / emission, 0)) }

    /// When one more could come after one at this moment.
    func refill(at now: Int64) -> Int64 { emission - (now + tolerance - next(at: now)) % emission }

    mutating func accept(at now: Int64) { arrival = next(at: now) }
}
