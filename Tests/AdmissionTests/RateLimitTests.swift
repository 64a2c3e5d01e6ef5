import Admission
import Domain
import TestSupport
import Testing

extension AdmissionSuites {
    @Suite struct RateLimitTests {
        /// So slow that no request becomes free while the test runs.
        private static let slow = 1
        /// The database's clock in microseconds.
        private static let clock = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"

        @Test func aKeyLimitLetsItsBurstThroughAndSaysHowLongToWait() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, requestsPerMinute: Self.slow, burst: 3)
            let verdicts = try await database.admit((0..<5).map { _ in acme.submission() })
            #expect(verdicts.map(\.word) == ["accepted", "accepted", "accepted", "rate_limited", "rate_limited"])
            #expect(verdicts.map { $0.rate?.remaining } == [2, 1, 0, 0, 0])
            #expect(verdicts.allSatisfy { $0.rate?.limit == 1 && $0.rate?.burst == 3 })
            #expect(throws: Refusal.rateLimited(retryAfterSeconds: 60)) { try verdicts[3].outcome.get() }
        }

        @Test func aGroupLimitHoldsForAllKeysOfAnAccountTogether() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.makeGroup("slow", setting: "rpm = 1, burst = 2")
            let first = try await Tenant.make(database, group: "slow")
            let second = try await Tenant.make(database, group: "slow")
            let other = try await Tenant.make(database, name: "other", group: "slow")
            let words = try await database.admit(
                [first, second, first, other, other, second, other].map { $0.submission() }
            ).map(\.word)
            #expect(
                words == [
                    "accepted", "accepted", "rate_limited", "accepted", "accepted", "rate_limited", "rate_limited",
                ])
        }

        @Test func theStricterOfKeyAndGroupIsAnsweredAndTheLooserIsNotUsedUp() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.makeGroup("slow", setting: "rpm = 1, burst = 4")
            let narrow = try await Tenant.make(database, group: "slow", requestsPerMinute: 1, burst: 1)
            let wide = try await Tenant.make(database, group: "slow")
            let first = try await database.admit((0..<3).map { _ in narrow.submission() })
            #expect(first.map(\.word) == ["accepted", "rate_limited", "rate_limited"])
            #expect(Self.standing(first[0]) == [1, 1, 0])
            // The two refusals took nothing from the group's burst of 4.
            let second = try await database.admit((0..<4).map { _ in wide.submission() })
            #expect(second.map(\.word) == ["accepted", "accepted", "accepted", "rate_limited"])
        }

        @Test func aRequestRefusedForAnotherReasonTakesNothingFromTheLimit() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.setPrice(tier: "large", micro: 900_000_000)
            let acme = try await Tenant.make(database, requestsPerMinute: Self.slow, burst: 2)
            let large = acme.submission().changed(side: 1536)
            let words = try await database.admit(
                [large, large, large, acme.submission(), acme.submission()]
            ).map(\.word)
            #expect(words == Array(repeating: "credits_insufficient", count: 3) + ["accepted", "accepted"])
        }

        @Test func aReplayTakesNothingFromTheLimit() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, requestsPerMinute: Self.slow, burst: 2)
            let keyed = acme.submission(idempotencyKey: "one")
            try await database.admitted([keyed])
            let words = try await database.admit([keyed.changed(), acme.submission(), acme.submission()]).map(\.word)
            #expect(words == ["replayed", "accepted", "rate_limited"])
        }

        /// The database against the textbook, for random limits and random histories.
        @Test func theDatabaseAgreesWithTheReference() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.makeGroup("random")
            let acme = try await Tenant.make(database, group: "random", credits: "1000")
            let seed = TestSeed.value
            var random = SeededGenerator(state: seed)
            for round in 0..<40 {
                let perMinute = Int.random(in: 1...100_000, using: &random)
                let burst = Bool.random(using: &random) ? Int.random(in: 1...30, using: &random) : nil
                let now = try await database.number(Self.clock)
                // From long idle to far ahead of the clock.
                let arrival = now + Int64.random(in: -60_000_000...3_000_000, using: &random)
                try await database.rows(
                    """
                    update user_groups set rpm = \(perMinute), burst = \(burst.map(String.init) ?? "null")
                    where name = 'random';
                    update wallets set rate_tat = \(arrival) where id = \(acme.walletID)
                    """)
                let count = Int.random(in: 1...40, using: &random)
                let verdicts = try await database.admit((0..<count).map { _ in acme.submission() })
                let later = try await database.number(Self.clock)
                let reference = ReferenceGCRA(perMinute: perMinute, burst: burst, arrival: arrival)
                try await compare(
                    verdicts, reference, between: now...later, database, acme, "seed \(seed), round \(round)")
            }
        }

        private func compare(
            _ verdicts: [Verdict], _ start: ReferenceGCRA, between moments: ClosedRange<Int64>,
            _ database: TestDatabase, _ acme: Tenant, _ comment: Comment
        ) async throws {
            // All of a batch is judged at one moment: the tasks carry it, and so does the time to wait.
            let moment: Int64
            if let task = verdicts.compactMap(\.taskID).first {
                moment = try await database.number(
                    "select (extract(epoch from created_at) * 1000000)::bigint from tasks where id = \(task.value)")
            } else {
                moment = start.arrival + start.emission - start.tolerance - (Self.waitMicroseconds(verdicts[0]) ?? 0)
            }
            #expect(moments.contains(moment), comment)
            var reference = start
            for verdict in verdicts {
                let wait = reference.wait(at: moment)
                #expect(Self.waitMicroseconds(verdict) == (wait > 0 ? wait : nil), comment)
                #expect(
                    Self.standing(verdict) == [reference.limit, reference.burst, reference.remaining(at: moment)],
                    comment)
                if wait == 0 { reference.accept(at: moment) }
            }
            let stored = try await database.number("select rate_tat from wallets where id = \(acme.walletID)")
            #expect(stored == reference.arrival, comment)
        }

        /// Limit, burst and what remains.
        private static func standing(_ verdict: Verdict) -> [Int]? {
            verdict.rate.map { [$0.limit, $0.burst, $0.remaining] }
        }

        /// Nil when it was accepted.
        private static func waitMicroseconds(_ verdict: Verdict) -> Int64? {
            guard case .failure(.rateLimited(let seconds)) = verdict.outcome else { return nil }
            return Int64((seconds * 1_000_000).rounded())
        }
    }
}
