import Domain

/// What the database should hold, as a pure value: wallets and tasks, moved by the same rules as the real ones.
struct SimulationModel {
    struct Wallet: Equatable {
        /// Of which ``Grant/remaining`` is a part.
        var available: Int64
        var reserved: Int64 = 0
        var settled: Int64 = 0
        var adjusted: Int64 = 0
        var expired: Int64 = 0
        var pending = 0
        var running = 0
        /// Grants with a date, the nearest first.
        var grants: [Grant] = []
        /// The most credits of a day.
        var cap: Int64?
        var capUsed: Int64 = 0
    }

    /// A grant whose date has passed loses what remains at once; the real one loses it at the next look.
    struct Grant: Equatable {
        let id: Int64
        let amount: Int64
        /// Hours after the beginning.
        let date: Double
        var remaining: Int64
        var reserved: Int64 = 0
        var used: Int64 = 0
        var expired: Int64 = 0
        var isOver = false
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
        /// What was drawn from which grant.
        var draws: [(grant: Int64, amount: Int64)] = []
    }

    /// What became of a request under an idempotency key.
    struct Remembered {
        let fingerprint: UInt8
        let task: Int64?
        let word: String
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
            return old.task == nil ? (old.word, nil) : ("replayed", old.task)
        }
        let payer = wallets[wallet]!
        let word =
            if payer.available < quote { "credits_insufficient" }
            else if let cap = payer.cap, payer.capUsed + quote > cap { "quota_exceeded" }
            else { "accepted" }
        let task = word == "accepted" ? id : nil
        if let place { remembered[place] = Remembered(fingerprint: fingerprint, task: task, word: word) }
        guard task != nil else { return (word, nil) }
        wallets[wallet]!.available -= quote
        wallets[wallet]!.reserved += quote
        wallets[wallet]!.capUsed += quote
        wallets[wallet]!.pending += 1
        jobs[id] = Job(wallet: wallet, reserved: quote, perUnit: perUnit)
        jobs[id]!.draws = take(quote, from: wallet) { $0.reserved += $1 }
        return (word, id)
    }

    /// Takes from the grants of a wallet in the order of their dates; what they lack is of credits without a date.
    private mutating func take(
        _ amount: Int64, from wallet: Int64, into place: (inout Grant, Int64) -> Void
    ) -> [(grant: Int64, amount: Int64)] {
        var rest = amount
        var taken: [(grant: Int64, amount: Int64)] = []
        for index in wallets[wallet]!.grants.indices where rest > 0 && wallets[wallet]!.grants[index].remaining > 0 {
            let part = min(rest, wallets[wallet]!.grants[index].remaining)
            wallets[wallet]!.grants[index].remaining -= part
            place(&wallets[wallet]!.grants[index], part)
            taken.append((wallets[wallet]!.grants[index].id, part))
            rest -= part
        }
        return taken
    }

    /// Credits until a date, which lies ahead.
    mutating func grant(_ amount: Int64, id: Int64, wallet: Int64, date: Double) {
        wallets[wallet]!.available += amount
        wallets[wallet]!.grants.append(Grant(id: id, amount: amount, date: date, remaining: amount))
        wallets[wallet]!.grants.sort { ($0.date, $0.id) < ($1.date, $1.id) }
    }

    /// The dates up to the given one have passed.
    mutating func pass(to date: Double, wallet: Int64) {
        for index in wallets[wallet]!.grants.indices where wallets[wallet]!.grants[index].date <= date {
            wallets[wallet]!.grants[index].isOver = true
        }
        expire(wallet: wallet)
    }

    private mutating func expire(wallet: Int64) {
        for index in wallets[wallet]!.grants.indices where wallets[wallet]!.grants[index].isOver {
            let rest = wallets[wallet]!.grants[index].remaining
            wallets[wallet]!.grants[index].remaining = 0
            wallets[wallet]!.grants[index].expired += rest
            wallets[wallet]!.available -= rest
            wallets[wallet]!.expired += rest
        }
    }

    /// False when there is not so much to take.
    mutating func adjust(_ amount: Int64, wallet: Int64) -> Bool {
        guard wallets[wallet]!.available + amount >= 0 else { return false }
        if amount < 0 { _ = take(-amount, from: wallet) { $0.used += $1 } }
        wallets[wallet]!.available += amount
        wallets[wallet]!.adjusted += amount
        return true
    }

    /// The verdict on a request to withdraw a task.
    mutating func cancel(_ id: Int64, alsoRunning: Bool) -> String {
        switch jobs[id]?.state {
        case nil: return "unknown"
        case .pending: break
        case .processing where alsoRunning: break
        case .processing: return "running"
        default: return "final"
        }
        end(id, .init(.cancelled, 0))
        return "cancelled"
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
        if job.state == .pending { wallets[job.wallet]!.pending -= 1 } else { wallets[job.wallet]!.running -= 1 }
        wallets[job.wallet]!.reserved -= job.reserved
        wallets[job.wallet]!.settled += end.cost
        wallets[job.wallet]!.available += job.reserved - end.cost
        wallets[job.wallet]!.capUsed -= job.reserved - end.cost
        var rest = end.cost
        for draw in job.draws {
            let used = min(rest, draw.amount)
            rest -= used
            let index = wallets[job.wallet]!.grants.firstIndex { $0.id == draw.grant }!
            wallets[job.wallet]!.grants[index].reserved -= draw.amount
            wallets[job.wallet]!.grants[index].used += used
            wallets[job.wallet]!.grants[index].remaining += draw.amount - used
        }
        expire(wallet: job.wallet)
        if let lease = job.lease { oldLeases.append(lease) }
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
