import Admission
import Domain
import Foundation
import Ledger
import Postgres
import Queue
import TestSupport
import Testing

extension LedgerSuites {
    /// The database and a model of it are driven together by chance and compared after every step.
    @Suite struct SimulationTests {
        @Test func theDatabaseAgreesWithTheModelAfterEveryStep() async throws {
            let seed = TestSeed.value
            var simulation = try await Simulation(seed: seed)
            for step in 0..<300 {
                let action = try await simulation.step()
                let drift = try await simulation.difference()
                try #require(drift.isEmpty, "TEST_SEED=\(seed), step \(step), \(action): \(drift)")
            }
            #expect(try await ledgerDrift(simulation.database).isEmpty, "TEST_SEED=\(seed)")
            // A run that never met the interesting cases would prove nothing.
            #expect(simulation.model.jobs.count > 20, "TEST_SEED=\(seed)")
            #expect(simulation.model.jobs.values.contains { $0.state == .completed }, "TEST_SEED=\(seed)")
            #expect(simulation.model.oldLeases.count > 20, "TEST_SEED=\(seed)")
            #expect(simulation.model.jobs.values.contains { !$0.draws.isEmpty }, "TEST_SEED=\(seed)")
        }
    }
}

/// The two side by side.
private struct Simulation {
    let database: TestDatabase
    private let tenants: [Tenant]
    private let queue = TaskQueue(leaseSeconds: 600)
    private let numbers = TaskNumbers()
    private(set) var model: SimulationModel
    private var random: SeededGenerator
    /// How far the clock of the grants' dates is, in hours.
    private var hours = 0.0

    init(seed: UInt64) async throws {
        database = try await TestDatabase.fresh(connectionsMax: 1)
        try await database.setPrice(tier: "large", rule: .perSecond, micro: 2_000, unitsMax: 20)
        tenants = [
            try await Tenant.make(database, name: "a", credits: "0.5"),
            try await Tenant.make(database, name: "b", credits: "0.2"),
        ]
        let cap: Int64 = 300_000
        model = SimulationModel(
            wallets: [
                tenants[0].walletID: .init(available: 500_000, cap: cap),
                tenants[1].walletID: .init(available: 200_000),
            ])
        try await database.rows("select set_quota('account', \(tenants[0].accountID), \(cap), null, 'UTC')")
        random = SeededGenerator(state: seed)
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    /// One action on both; its name, or what they disagreed on.
    mutating func step() async throws -> String {
        switch Int.random(in: 0..<120, using: &random) {
        case 0..<35: try await submit()
        case 35..<55: try await claim()
        case 55..<73: try await close()
        case 73..<80: try await expire()
        case 80..<86: try await rescue()
        case 86..<91: try await handBack()
        case 91..<96: try await renew()
        case 96..<102: try await cancel()
        case 102..<106: try await adjust()
        case 106..<112: try await grantUntil()
        case 112..<116: try await pass()
        case 116..<118: try await sweep()
        default: try await grant()
        }
    }

    private mutating func submit() async throws -> String {
        let count = Int.random(in: 1...4, using: &random)
        let ids = try await numbers.take(count, in: database.pool)
        var batch: [Submission] = []
        var expected: [(word: String, task: Int64?)] = []
        var keys: Set<String> = []
        for id in ids {
            let tenant = tenants.randomElement(using: &random)!
            let isLarge = chance(30)
            let pictures = chance(25) ? Int.random(in: 2...4, using: &random) : 1
            var key = chance(50) ? "key \(Int.random(in: 0..<30, using: &random))" : nil
            // A batch never holds a key twice: the batcher sees to that.
            if let used = key, !keys.insert("\(tenant.walletID) \(used)").inserted { key = nil }
            let fingerprint: UInt8 = chance(90) ? 1 : 2
            let submission = tenant.submission(idempotencyKey: key, fingerprint: [fingerprint]).changed(pictures: pictures)
            batch.append(isLarge ? submission.changed(side: 1536) : submission)
            expected.append(
                model.submit(
                    id: id.value, wallet: tenant.walletID, quote: (isLarge ? 40_000 : 26_000) * Int64(pictures),
                    perUnit: isLarge ? 2_000 : nil, key: key, fingerprint: fingerprint))
        }
        // Now and then the answer is lost, and the batch is sent again with the same numbers.
        for turn in 0..<(chance(20) ? 2 : 1) {
            let verdicts = try await database.admit(batch, ids: ids, again: turn > 0)
            #expect(verdicts.map(\.word) == expected.map(\.word))
            #expect(verdicts.map(\.taskID?.value) == expected.map(\.task))
        }
        return "submit \(expected.map(\.word))"
    }

    private mutating func claim() async throws -> String {
        let limit = Int.random(in: 1...4, using: &random)
        let expected = min(limit, model.pending)
        let claimed = try await queue.claim(
            node: "node", limit: limit, afterWallet: chance(50) ? tenants[0].walletID : 0, in: database.pool)
        #expect(claimed.count == expected)
        for task in claimed {
            let isRight = model.claim(task.id.value, lease: task.lease.value, attempt: task.attempt)
            #expect(isRight)
        }
        return "claim \(claimed.map(\.id.value))"
    }

    /// A lease that is held, or now and then one that is not any more.
    private mutating func someLease() -> Int64? {
        (chance(25) ? model.oldLeases : model.held).randomElement(using: &random)
    }

    private mutating func close() async throws -> String {
        guard let lease = someLease() else { return "close nothing" }
        let units = chance(70) ? Int.random(in: 0...25, using: &random) : nil
        let ending = Ending(
            lease: Lease(lease),
            outcome: units == nil
                ? .failed(code: "service_error", message: "no") : .completed(images: []),
            units: units ?? 0, provider: "sandbox")
        let expected: CloseVerdict = model.close(lease, units: units) ? .closed : .stale
        let repeats = chance(20) ? 2 : 1
        for turn in 0..<repeats {
            let verdict = try await queue.close([ending], in: database.pool)[Lease(lease)]
            #expect(verdict == (turn == 0 ? expected : .stale))
        }
        return "close \(lease) \(expected)"
    }

    private mutating func expire() async throws -> String {
        guard let lease = model.held.randomElement(using: &random) else { return "expire nothing" }
        model.expire(lease)
        try await database.rows(
            "update leases set until = clock_timestamp() - interval '1 second' where lease = \(lease)")
        return "expire \(lease)"
    }

    private mutating func rescue() async throws -> String {
        let expected = model.rescue()
        #expect(try await queue.rescue(in: database.pool) == expected)
        return "rescue \(expected)"
    }

    private mutating func handBack() async throws -> String {
        guard let lease = someLease() else { return "hand back nothing" }
        model.handBack(lease)
        try await queue.handBack([Lease(lease)], in: database.pool)
        return "hand back \(lease)"
    }

    private mutating func renew() async throws -> String {
        guard let lease = someLease() else { return "renew nothing" }
        let isHeld = model.renew(lease)
        #expect(try await queue.renew([Lease(lease): 50], in: database.pool) == (isHeld ? [Lease(lease)] : []))
        return "renew \(lease)"
    }

    private mutating func grant() async throws -> String {
        let tenant = tenants.randomElement(using: &random)!
        let amount = Int64.random(in: 1...60_000, using: &random)
        model.wallets[tenant.walletID]!.available += amount
        let entry = try await database.pool.transaction { transaction in
            try await CreditBook().grant(
                Credits(micro: amount), account: tenant.name, mode: .live, reason: "test", actor: "test",
                in: transaction)
        }
        #expect(entry != nil)
        return "grant \(amount)"
    }

    private mutating func grantUntil() async throws -> String {
        let tenant = tenants.randomElement(using: &random)!
        let amount = Int64.random(in: 1...60_000, using: &random)
        // Half past the hour, while the clock moves by whole hours: no date passes by the time that the test itself takes.
        let ahead = Double(Int.random(in: 0...500, using: &random)) + 0.5
        try await database.rows(
            """
            select grant_credits(\(tenant.walletID), \(amount),
                clock_timestamp() + make_interval(secs => \(ahead * 3600)), 'test', 'test')
            """)
        let id = try await database.number("select max(id) from expiring_grants")
        model.grant(amount, id: id, wallet: tenant.walletID, date: hours + ahead)
        return "grant \(amount) until \(hours + ahead)"
    }

    /// Moves the dates of all grants nearer, so that some have passed.
    private mutating func pass() async throws -> String {
        let step = Double(Int.random(in: 1...100, using: &random))
        hours += step
        for tenant in tenants { model.pass(to: hours, wallet: tenant.walletID) }
        try await database.rows(
            """
            update expiring_grants set expires_at = expires_at - make_interval(secs => \(step * 3600));
            update wallets set next_expiry = next_expiry - make_interval(secs => \(step * 3600))
            """)
        return "pass \(step)"
    }

    private mutating func sweep() async throws -> String {
        _ = try await CreditBook().expireDue(in: database.pool)
        return "sweep"
    }

    private mutating func adjust() async throws -> String {
        let tenant = tenants.randomElement(using: &random)!
        let amount = Int64.random(in: -80_000...20_000, using: &random)
        guard amount != 0 else { return "adjust nothing" }
        let isPossible = model.adjust(amount, wallet: tenant.walletID)
        let isDone: Bool
        do {
            _ = try await database.pool.transaction {
                try await CreditBook().adjust(
                    Credits(micro: amount), account: tenant.name, mode: .live, reason: "test", actor: "test", in: $0)
            }
            isDone = true
        } catch let error as PostgresError where error.constraint == CreditBook.availableNotNegative {
            isDone = false
        }
        #expect(isDone == isPossible)
        return "adjust \(amount)"
    }

    private mutating func cancel() async throws -> String {
        guard let id = model.jobs.keys.sorted().randomElement(using: &random) else { return "cancel nothing" }
        let alsoRunning = chance(60)
        let expected = model.cancel(id, alsoRunning: alsoRunning)
        let verdict = try await queue.cancel([TaskID(id)], walletID: nil, alsoRunning: alsoRunning, in: database.pool)
        #expect(verdict[TaskID(id)]?.rawValue == expected)
        return "cancel \(id) \(expected)"
    }

    /// Where the database and the model differ.
    func difference() async throws -> [String] {
        var found: [String] = []
        // What is due counts as expired, here as in the model.
        let wallets = try await database.rows(
            """
            select w.id, w.available - d.due, w.reserved, w.settled, w.adjusted, w.expired + d.due, w.pending, w.running
            from wallets w, lateral (select coalesce(sum(remaining), 0) due from expiring_grants g
                where g.wallet_id = w.id and g.expires_at <= clock_timestamp()) d
            where w.mode = 'live' order by w.id
            """)
        let expected = model.wallets.sorted { $0.key < $1.key }.map { id, wallet in
            [
                id, wallet.available, wallet.reserved, wallet.settled, wallet.adjusted, wallet.expired,
                Int64(wallet.pending), Int64(wallet.running),
            ].map(String.init).joined(separator: " ")
        }
        let real = wallets.map { $0.map { $0 ?? "-" }.joined(separator: " ") }
        if real != expected { found.append("wallets \(real), model \(expected)") }
        found += try await grantDifference()
        let tasks = try await database.rows(
            """
            select t.id, t.state, coalesce(t.settled::text, '-'), coalesce(l.lease::text, '-')
            from tasks t left join leases l on l.task_id = t.id order by t.id
            """
        ).map { $0.map { $0 ?? "-" }.joined(separator: " ") }
        let jobs = model.jobs.sorted { $0.key < $1.key }.map { id, job in
            "\(id) \(job.state.rawValue) \(job.settled.map(String.init) ?? "-") \(job.lease.map(String.init) ?? "-")"
        }
        if tasks != jobs { found.append("tasks \(Set(tasks).symmetricDifference(jobs).sorted())") }
        return found
    }

    private func grantDifference() async throws -> [String] {
        let real = try await database.rows(
            """
            select id, case when expires_at <= clock_timestamp() then 0 else remaining end, reserved, used,
                expired + case when expires_at <= clock_timestamp() then remaining else 0 end
            from expiring_grants order by id
            """
        ).map { $0.map { $0 ?? "-" }.joined(separator: " ") }
        let grants = model.wallets.values.flatMap(\.grants).sorted { $0.id < $1.id }
        let expected = grants.map { "\($0.id) \($0.remaining) \($0.reserved) \($0.used) \($0.expired)" }
        let used = try await database.rows("select day_used from quotas").map { $0[0] ?? "-" }
        let counted = model.wallets.values.filter { $0.cap != nil }.map { String($0.capUsed) }
        return (real == expected ? [] : ["grants \(Set(real).symmetricDifference(expected).sorted())"])
            + (used == counted ? [] : ["cap \(used), model \(counted)"])
    }
}
