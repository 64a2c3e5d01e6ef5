import Admission
import Domain
import TestSupport
import Testing

extension AdmissionSuites {
    @Suite struct RateLimitTests {
        /// So slow that no request becomes free while the test runs.
        private static let slow = 1

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

        /// Limit, burst and what remains.
        private static func standing(_ verdict: Verdict) -> [Int]? {
            verdict.rate.map { [$0.limit, $0.burst, $0.remaining] }
        }
    }
}
