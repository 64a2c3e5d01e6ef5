import Admission
import Domain
import TestSupport
import Testing

extension AdmissionSuites {
    @Suite struct VerdictTableTests {
        /// One reason to refuse: what makes it true, what is then sent, and the verdict.
        struct Step: Sendable {
            let verdict: String
            let sql: String
            var idempotencyKey: String?
            var fingerprint: UInt8 = 1
            var isUnknownKey = false
        }

        /// The verdicts from the weakest to the strongest: each stays true when the next is added, so what is answered
        /// at each step is also what wins over all steps before.
        static let steps: [Step] = [
            Step(verdict: "accepted", sql: "select 1", idempotencyKey: "first"),
            Step(
                verdict: "quota_exceeded",
                sql: "select set_quota('account', (select id from accounts), null, 26001, 'UTC')"),
            Step(
                verdict: "credits_insufficient",
                sql: """
                    insert into prices (group_id, model_id, operation, rule, amount)
                    select group_id, model_id, operation, rule, 900000000 from prices where operation = 'generate'
                    """),
            Step(verdict: "too_many_pending", sql: "update user_groups set max_pending = 1"),
            Step(
                verdict: "rate_limited",
                sql: """
                    update user_groups set rpm = 1, burst = 1;
                    update wallets set rate_tat = (extract(epoch from now()) * 1000000)::bigint + 3600000000
                    """),
            Step(
                verdict: "price_missing",
                sql: "update models set name = 'retired'; insert into models (name) values ('z-image-turbo')"),
            Step(verdict: "model_forbidden", sql: "update user_groups set models = '{other}'"),
            Step(verdict: "model_unknown", sql: "update models set enabled = false"),
            Step(verdict: "replayed", sql: "select 1", idempotencyKey: "first"),
            Step(verdict: "idempotency_conflict", sql: "select 1", idempotencyKey: "first", fingerprint: 2),
            Step(
                verdict: "account_suspended", sql: "update accounts set suspended_at = now()", idempotencyKey: "first",
                fingerprint: 2),
            Step(
                verdict: "key_expired", sql: "update api_keys set expires_at = now()", idempotencyKey: "first",
                fingerprint: 2),
            Step(
                verdict: "key_revoked", sql: "update api_keys set revoked_at = now()", idempotencyKey: "first",
                fingerprint: 2),
            Step(verdict: "key_unknown", sql: "select 1", idempotencyKey: "first", fingerprint: 2, isUnknownKey: true),
        ]

        @Test func theStrongestReasonIsAnsweredAndARefusalChangesNothing() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            for step in Self.steps {
                try await database.rows(step.sql)
                let before = try await database.moneyState()
                let submission = acme.submission(
                    idempotencyKey: step.idempotencyKey, fingerprint: [step.fingerprint]
                ).changed(keyID: step.isUnknownKey ? acme.keyID + 1000 : acme.keyID)
                let verdict = try await database.admit([submission])[0]
                #expect(verdict.word == step.verdict)
                let after = try await database.moneyState()
                #expect((before == after) == (step.verdict != "accepted"), "\(step.verdict)")
            }
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func everyVerdictOfTheDatabaseIsInTheTable() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let known = try await database.rows("select unnest(enum_range(null::admit_verdict))::text")
            #expect(Set(known.compactMap(\.[0])) == Set(Self.steps.map(\.verdict)))
        }

        @Test func aKeyMayNarrowTheModelsOfItsGroupButNotWidenThem() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.rows("insert into models (name) values ('other')")
            try await database.setPrice(model: "other", micro: 1)
            let both = [acme.submission(), acme.submission(model: "other")]
            func words(_ sql: String) async throws -> [String] {
                try await database.rows(sql)
                return try await database.admit(both).map(\.word)
            }
            #expect(try await words("select 1") == ["accepted", "accepted"])
            #expect(
                try await words("update api_keys set models = '{other}'") == ["model_forbidden", "accepted"])
            #expect(
                try await words("update user_groups set models = '{z-image-turbo}'")
                    == ["model_forbidden", "model_forbidden"])
            #expect(
                try await words("update api_keys set models = '{other,z-image-turbo}'")
                    == ["accepted", "model_forbidden"])
        }

        @Test func atTheMaximumOfWaitingTasksTheNextIsRefusedUntilOneIsClaimed() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.makeGroup("small", setting: "max_pending = 3")
            let acme = try await Tenant.make(database, group: "small")
            let five = try await database.admit((0..<5).map { acme.submission(prompt: "\($0)") }).map(\.word)
            #expect(five == ["accepted", "accepted", "accepted", "too_many_pending", "too_many_pending"])
            try await database.rows("select * from claim_tasks('node', 1, 0, 60)")
            let two = try await database.admit([acme.submission(), acme.submission()]).map(\.word)
            #expect(two == ["accepted", "too_many_pending"])
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func aRefusalForCreditSaysWhatThereIsAndWhatIsNeeded() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "0.025999")
            let outcome = try await database.admit([acme.submission()])[0].outcome
            let refusal = Refusal.creditsInsufficient(
                CreditStanding(available: Credits(micro: 25_999), needed: Credits(micro: 26_000)))
            #expect(throws: refusal) { try outcome.get() }
        }
    }
}
