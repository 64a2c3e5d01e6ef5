import Admission
import Domain
import Postgres
import Queue
import TestSupport
import Testing

@testable import JobLife

@Suite(.timeLimit(.minutes(5))) struct AdmitTests {
    /// Runs a test with an Admit whose runner starts when the test says so, so that what waits becomes one batch.
    private func withAdmit(
        _ database: TestDatabase, _ test: @escaping @Sendable (Admit, _ go: Gate) async throws -> Void
    ) async throws {
        let hints = Hints(database.pool, queue: TaskQueue(leaseSeconds: 60))
        let admit = Admit(database.pool, hints: hints, logger: silent)
        let go = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await go.pass()
                await admit.run()
            }
            do { try await test(admit, go) } catch {
                admit.finish()
                go.open()
                throw error
            }
            admit.finish()
            go.open()
            try await group.waitForAll()
        }
        #expect(try await ledgerDrift(database) == [])
    }

    @Test func concurrentSubmitsSpendExactlyTheBalance() async throws {
        let database = try await TestDatabase.fresh()
        let tenant = try await Tenant.make(database, credits: "0.52")
        try await withAdmit(database) { admit, go in
            go.open()
            let accepted = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<60 {
                    group.addTask {
                        switch try await admit(tenant.submission()).outcome {
                        case .success: return true
                        case .failure(let refusal):
                            let standing = CreditStanding(available: .zero, needed: Credits(micro: 26_000))
                            #expect(refusal == .creditsInsufficient(standing))
                            return false
                        }
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(accepted == 20)
        }
        #expect(try await database.number("select count(*) from tasks") == 20)
        let balance = try await tenant.balance(database)
        #expect([balance.available, balance.reserved] == [0, 520_000])
    }

    @Test func oneBadRequestDoesNotTakeItsBatchDown() async throws {
        let database = try await TestDatabase.fresh()
        let tenant = try await Tenant.make(database)
        try await withAdmit(database) { admit, go in
            // The dialects keep this out; the database refuses the whole batch for it.
            let prompts = ["a", "b\u{0}", "c"]
            let calls = prompts.map { prompt in Task.immediate { try await admit(tenant.submission(prompt: prompt)) } }
            go.open()
            _ = try await calls[0].value.outcome.get()
            await #expect(throws: AdmitError.broken) { try await calls[1].value }
            _ = try await calls[2].value.outcome.get()
        }
        #expect(try await database.rows("select request->>'prompt' from tasks order by id") == [["a"], ["c"]])
    }

    @Test func twoRequestsWithOneKeyShareATask() async throws {
        let database = try await TestDatabase.fresh()
        let tenant = try await Tenant.make(database)
        try await withAdmit(database) { admit, go in
            let calls = (0..<5).map { _ in
                Task.immediate { try await admit(tenant.submission(idempotencyKey: "k")) }
            }
            let conflict = Task.immediate { try await admit(tenant.submission(idempotencyKey: "k", fingerprint: [9])) }
            go.open()
            var ids: Set<Int64> = []
            var replays = 0
            for call in calls {
                let verdict = try await call.value
                ids.insert(try verdict.outcome.get().id.value)
                replays += verdict.replayed ? 1 : 0
            }
            #expect(ids.count == 1 && replays == 4)
            guard case .failure(.idempotencyConflict) = try await conflict.value.outcome else {
                throw TestFailure("no conflict")
            }
        }
        #expect(try await database.number("select count(*) from tasks") == 1)
    }

    @Test func admissionWakesTheWorker() async throws {
        let database = try await TestDatabase.fresh()
        let tenant = try await Tenant.make(database)
        let hints = Hints(database.pool, queue: TaskQueue(leaseSeconds: 60))
        let admit = Admit(database.pool, hints: hints, logger: silent)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await admit.run() }
            let worker = Task.immediate { await hints.local.wait() }
            _ = try await admit(tenant.submission()).outcome.get()
            await worker.value
            admit.finish()
        }
    }

    @Test func afterTheEndNothingIsTaken() async throws {
        let database = try await TestDatabase.fresh()
        let tenant = try await Tenant.make(database)
        let admit = Admit(database.pool, hints: Hints(database.pool, queue: TaskQueue(leaseSeconds: 60)), logger: silent)
        admit.finish()
        await #expect(throws: AdmitError.overloaded) { try await admit(tenant.submission()) }
        #expect(try await database.number("select count(*) from tasks") == 0)
    }
}
