import Admission
import Domain
import Postgres
import TestSupport
import Testing

extension AdmissionSuites {
    /// The answer to a call was lost, and the call is repeated with the same numbers.
    @Suite struct AgainTests {
        @Test func whatWasWrittenIsFoundAndNothingIsWrittenTwice() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            // The burst is used up whole: the tasks that are there already must not be judged anew.
            let acme = try await Tenant.make(database, credits: "0.052", requestsPerMinute: 1, burst: 2)
            let batch = [acme.submission(), acme.submission(idempotencyKey: "one")]
            let ids = try await TaskNumbers().take(2, in: database.pool)
            let first = try await database.admit(batch, ids: ids)
            let before = try await database.moneyState()
            let second = try await database.admit(batch, ids: ids, again: true)
            #expect(second.map(\.word) == ["accepted", "accepted"])
            #expect(second.map(\.taskID) == ids)
            for (old, new) in zip(first, second) {
                let (old, new) = (try old.outcome.get(), try new.outcome.get())
                #expect(old.createdAt == new.createdAt && old.reserved == new.reserved)
            }
            #expect(try await database.moneyState() == before)
        }

        @Test func whatWasNotWrittenIsWrittenNow() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let ids = try await TaskNumbers().take(3, in: database.pool)
            try await _ = database.admit([acme.submission()], ids: [ids[1]])
            let verdicts = try await database.admit(
                (0..<3).map { _ in acme.submission() }, ids: ids, again: true)
            #expect(verdicts.map(\.word) == ["accepted", "accepted", "accepted"])
            #expect(verdicts.map(\.taskID) == ids)
            #expect(try await acme.balance(database) == (922_000, 78_000, 0))
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func anEarlierTaskOfTheIdempotencyKeyIsStillAReplay() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let keyed = acme.submission(idempotencyKey: "one")
            let old = try await database.admitted([keyed])[0]
            let verdict = try await database.admit([keyed], again: true)[0]
            #expect(verdict.word == "replayed")
            #expect(verdict.taskID == old)
        }

        @Test func withoutAgainANumberThatIsTakenIsRefusedWhole() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let ids = try await TaskNumbers().take(2, in: database.pool)
            try await _ = database.admit([acme.submission()], ids: [ids[1]])
            let before = try await database.moneyState()
            let error = await #expect(throws: PostgresError.self) {
                try await database.admit([acme.submission(), acme.submission()], ids: ids)
            }
            #expect(error?.constraint == "tasks_pkey")
            #expect(try await database.moneyState() == before)
        }
    }
}
