import Admission
import Domain
import TestSupport
import Testing

extension AdmissionSuites {
    /// Limits of keys, accounts and groups, for all models and for one.
    @Suite struct LimitTests {
        private static let other = "other"

        private func words(_ submissions: [Submission], _ database: TestDatabase) async throws -> [String] {
            try await database.admit(submissions).map(\.word)
        }

        @Test func anAccountsRateHoldsForItsKeysTogetherAndIsNamed() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let first = try await Tenant.make(database)
            let second = try await Tenant.make(database)
            let other = try await Tenant.make(database, name: "other")
            try await database.limit(.account, "acme", rpm: 1, burst: 2)
            let verdicts = try await database.admit([first, second, first, other].map { $0.submission() })
            #expect(verdicts.map(\.word) == ["accepted", "accepted", "rate_limited", "accepted"])
            #expect(verdicts.map { $0.rate?.scope } == ["account", "account", "account", nil])
            #expect(verdicts.prefix(3).map { $0.rate?.remaining } == [1, 0, 0])
            #expect(throws: Refusal.rateLimited(retryAfterSeconds: 60)) { try verdicts[2].outcome.get() }
        }

        @Test(arguments: QuotaScope.allCases) func aModelsLimitLeavesOtherModelsAlone(scope: QuotaScope) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.makeModel(Self.other)
            let acme = try await Tenant.make(database)
            let subject = scope == .key ? String(acme.keyID) : scope == .account ? "acme" : "default"
            try await database.limit(scope, subject, model: Self.other, rpm: 1, burst: 1, pending: 5)
            let verdicts = try await database.admit(
                ["z-image-turbo", Self.other, Self.other, "z-image-turbo"].map { acme.submission(model: $0) })
            #expect(verdicts.map(\.word) == ["accepted", "accepted", "rate_limited", "accepted"])
            let name = scope == .key ? "key-model" : "account-model"
            #expect(verdicts.map { $0.rate?.scope } == [nil, name, name, nil])
        }

        @Test(arguments: QuotaScope.allCases, [nil, "z-image-turbo"])
        func waitingTasksAreCountedFromBeforeTheLimitAndAcrossBatches(scope: QuotaScope, model: String?) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let neighbour = try await Tenant.make(database, name: "neighbour")
            try await database.admitted([acme.submission(), acme.submission(), neighbour.submission()])
            let subject = scope == .key ? String(acme.keyID) : scope == .account ? "acme" : "default"
            try await database.limit(scope, subject, model: model, pending: 4)
            let verdicts = try await database.admit((0..<3).map { _ in acme.submission() })
            #expect(verdicts.map(\.word) == ["accepted", "accepted", "too_many_pending"])
            let name = (scope == .key ? "key" : "account") + (model == nil ? "" : "-model")
            #expect(verdicts.map(\.fullScope) == [nil, nil, name])
            #expect(try await words([acme.submission(), neighbour.submission()], database) == ["too_many_pending", "accepted"])
            #expect(try await ledgerDrift(database) == [])
        }

        /// No rate token of any limit, no credits, no counter, no idempotency row.
        @Test func aRefusedRequestConsumesNothingAnywhere() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, requestsPerMinute: 1, burst: 9)
            try await database.limit(.group, "default", rpm: 1, burst: 9)
            try await database.limit(.account, "acme", rpm: 1, burst: 9)
            try await database.limit(.key, String(acme.keyID), model: "z-image-turbo", rpm: 1, burst: 2)
            try await database.limit(.group, "default", model: "z-image-turbo", pending: 3)
            try await database.admitted([acme.submission(), acme.submission()])
            let before = try await database.moneyState()
            let keyed = acme.submission(idempotencyKey: "one")
            #expect(try await words([keyed, acme.submission()], database) == ["rate_limited", "rate_limited"])
            #expect(try await database.moneyState() == before)
            try await database.limit(.key, String(acme.keyID), model: "z-image-turbo")
            #expect(try await words([keyed, acme.submission()], database) == ["accepted", "too_many_pending"])
            let full = try await database.moneyState()
            #expect(try await words([acme.submission(idempotencyKey: "two")], database) == ["too_many_pending"])
            #expect(try await database.moneyState() == full)
            // What was refused under a key for a limit may come later.
            try await database.limit(.group, "default", model: "z-image-turbo")
            #expect(try await words([acme.submission(idempotencyKey: "two")], database) == ["accepted"])
            #expect(try await ledgerDrift(database) == [])
        }

        @Test func aRequestRefusedForCreditsLeavesItsPlaceAndSaysSo() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "0.03")
            try await database.limit(.account, "acme", rpm: 1, burst: 3, pending: 3)
            let verdicts = try await database.admit((0..<3).map { _ in acme.submission() })
            #expect(verdicts.map(\.word) == ["accepted", "credits_insufficient", "credits_insufficient"])
            #expect(verdicts.map { $0.rate?.remaining } == [2, 2, 2])
        }

        @Test func aRaisedRateHelpsAtOnce() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.limit(.account, "acme", rpm: 1, burst: 10)
            try await database.admitted((0..<10).map { _ in acme.submission() })
            // Under the old figures it would take ten minutes until the burst is whole again.
            try await database.limit(.account, "acme", rpm: 60, burst: 10)
            let refused = try await database.admit([acme.submission()])[0]
            guard case .failure(.rateLimited(let seconds)) = refused.outcome else { throw TestFailure("\(refused)") }
            #expect(seconds <= 1)
        }

        @Test func anAccountThatMovesTakesItsTasksIntoTheLimitsOfItsNewGroup() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.makeGroup("narrow")
            let acme = try await Tenant.make(database)
            try await database.limit(.group, "narrow", model: "z-image-turbo", pending: 3)
            try await database.admitted([acme.submission(), acme.submission()])
            func move(_ group: String) async throws {
                try await database.rows(
                    "update accounts set group_id = (select id from user_groups where name = '\(group)') where name = 'acme'")
            }
            try await move("narrow")
            #expect(try await words([acme.submission(), acme.submission()], database) == ["accepted", "too_many_pending"])
            try await move("default")
            #expect(try await words([acme.submission()], database) == ["accepted"])
            try await move("narrow")
            #expect(try await words([acme.submission()], database) == ["too_many_pending"])
            try await database.limit(.group, "narrow", model: "z-image-turbo")
            #expect(try await words([acme.submission()], database) == ["accepted"])
            #expect(try await database.number("select count(*) from limit_counters") == 0)
            #expect(try await ledgerDrift(database) == [])
        }
    }
}
