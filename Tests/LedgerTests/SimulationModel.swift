import Domain

/// What the database should hold, as a pure value: wallets and tasks, moved by the same rules as the real ones.
struct SimulationModel {
    struct Wallet: Equatable {
        var available: Int64
        var reserved: Int64 = 0
        var settled: Int64 = 0
        var pending = 0
        var running = 0
    }

    struct Job {
        let wallet: Int64
        let reserved: Int64
        /// Nil is billed per call.
        let perUnit: Int64?
        var state = TaskState.pending
        var settled: Int64?
        var attempts = 0
        /// Attempts whose lease ran out; those that were handed back do not count against the task.
        var lost = 0
        var lease: Int64?
        var isExpired = false
    }

    /// What became of a request under an idempotency key.
    struct Remembered {
        let fingerprint: UInt8
        let task: Int64?
    }

    var wallets: [Int64: Wallet]
    var jobs: [Int64: Job] = [:]
    var remembered: [String: Remembered] = [:]
    /// Leases that were lost, returned or used up.
    var oldLeases: [Int64] = []

    var pending: Int { wallets.values.reduce(0) { $0 + $1.pending } }
    /// In a fixed order, so that a seed gives the same run.
    var held: [Int64] { jobs.values.compactMap(\.lease).sorted() }

    /// The verdict on a request and the task that it names.
    mutating func submit(
        id: Int64, wallet: Int64, quote: Int64, perUnit: Int64?, key: String?, fingerprint: UInt8
    ) -> (word: String, task: Int64?) {
        let place = key.map { "\(wallet) \($0)" }
        if let place, let old = remembered[place] {
            if old.fingerprint != fingerprint { return ("idempotency_conflict", nil) }
            return old.task == nil ? ("credits_insufficient", nil) : ("replayed", old.task)
        }
        let isAffordable = wallets[wallet]!.available >= quote
        if let place { remembered[place] = Remembered(fingerprint: fingerprint, task: isAffordable ? id : nil) }
        guard isAffordable else { return ("credits_insufficient", nil) }
        wallets[wallet]!.available -= quote
        wallets[wallet]!.reserved += quote
        wallets[wallet]!.pending += 1
        jobs[id] = Job(wallet: wallet, reserved: quote, perUnit: perUnit)
        return ("accepted", id)
    }

    /// The database chooses the task; false when it was not one that waits.
    mutating func claim(_ id: Int64, lease: Int64, attempt: Int) -> Bool {
        guard var job = jobs[id], job.state == .pending, attempt == job.attempts + 1 else { return false }
        job.state = .processing
        job.attempts += 1
        job.lease = lease
        jobs[id] = job
        wallets[job.wallet]!.pending -= 1
        wallets[job.wallet]!.running += 1
        return true
    }

    /// Whether the lease was held, so that the task ended now. No units: failed.
    mutating func close(_ lease: Int64, units: Int?) -> Bool {
        guard let (id, job) = jobs.first(where: { $0.value.lease == lease }) else { return false }
        let cost: Int64 =
            switch (units, job.perUnit) {
            case (nil, _): 0
            case (_, nil): job.reserved
            case (let units?, let perUnit?): min(job.reserved, perUnit * Int64(units))
            }
        end(id, .init(units == nil ? .failed : .completed, cost))
        return true
    }

    mutating func expire(_ lease: Int64) {
        for id in jobs.keys where jobs[id]!.lease == lease { jobs[id]!.isExpired = true }
    }

    mutating func renew(_ lease: Int64) -> Bool {
        guard let id = jobs.first(where: { $0.value.lease == lease })?.key else { return false }
        jobs[id]!.isExpired = false
        return true
    }

    mutating func handBack(_ lease: Int64) {
        for id in jobs.keys where jobs[id]!.lease == lease { requeue(id) }
    }

    /// How many leases had run out.
    mutating func rescue() -> Int {
        let lost = jobs.filter { $0.value.isExpired && $0.value.lease != nil }
        for id in lost.keys.sorted() {
            jobs[id]!.lost += 1
            if jobs[id]!.lost >= Limits.attemptsMax { end(id, .init(.failed, 0)) } else { requeue(id) }
        }
        return lost.count
    }

    private struct End {
        let state: TaskState
        let cost: Int64
        init(_ state: TaskState, _ cost: Int64) { (self.state, self.cost) = (state, cost) }
    }

    private mutating func end(_ id: Int64, _ end: End) {
        var job = jobs[id]!
        wallets[job.wallet]!.running -= 1
        wallets[job.wallet]!.reserved -= job.reserved
        wallets[job.wallet]!.settled += end.cost
        wallets[job.wallet]!.available += job.reserved - end.cost
        oldLeases.append(job.lease!)
        job.lease = nil
        job.isExpired = false
        job.state = end.state
        job.settled = end.cost
        jobs[id] = job
    }

    private mutating func requeue(_ id: Int64) {
        var job = jobs[id]!
        oldLeases.append(job.lease!)
        job.lease = nil
        job.isExpired = false
        job.state = .pending
        jobs[id] = job
        wallets[job.wallet]!.running -= 1
        wallets[job.wallet]!.pending += 1
    }
}
