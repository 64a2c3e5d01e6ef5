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

    /// How long a request at this moment would have to wait; 0 when it may come.
    func wait(at now: Int64) -> Int64 { max(max(arrival, now) + emission - tolerance - now, 0) }

    /// How many requests could still come at this moment after one more.
    func remaining(at now: Int64) -> Int {
        Int(max((now + tolerance - max(arrival, now) - emission) / emission, 0))
    }

    mutating func accept(at now: Int64) { arrival = max(arrival, now) + emission }
}
