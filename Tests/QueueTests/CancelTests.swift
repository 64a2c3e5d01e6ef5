import Admission
import Domain
import Queue
import TestSupport
import Testing

extension QueueSuites {
    @Suite struct CancelTests {
        private func cancel(
            _ ids: [TaskID], wallet: Int64? = nil, running: Bool = false, _ database: TestDatabase
        ) async throws -> [CancelVerdict] {
            let verdicts = try await queue.cancel(ids, walletID: wallet, alsoRunning: running, in: database.pool)
            return ids.map { verdicts[$0] ?? .unknown }
        }

        @Test func aWaitingTaskIsWithdrawnAtOnceAndCostsNothing() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let id = try await database.admitted([acme.submission(callbackURL: "https://example.com/")])[0]
            #expect(try await cancel([id], database) == [.cancelled])
            #expect(try await acme.balance(database) == (1_000_000, 0, 0))
            #expect(try await database.task(id, "state, settled, error_code, started_at") == ["cancelled", "0", "task_cancelled", nil])
            #expect(try await database.number("select count(*) from callbacks") == 1)
            #expect(try await database.number("select count(*) from attempts") == 0)
            #expect(
                try await database.rows("select event, settled, refunded from usage_facts order by id offset 1")
                    == [["cancelled", "0", "26000"]])
            #expect(try await database.claim(1).isEmpty)
            let before = try await database.moneyState()
            #expect(try await cancel([id], database) == [.final])
            #expect(try await database.moneyState() == before)
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func aRunningTaskIsWithdrawnOnlyWhenAskedAndItsLeaseIsThenStale() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let id = try await database.admitted([acme.submission()])[0]
            let lease = try await database.claim(1)[0].lease
            #expect(try await cancel([id], database) == [.running])
            #expect(try await cancel([id], running: true, database) == [.cancelled])
            #expect(try await database.close([.completed(lease)]) == [lease: .stale])
            #expect(try await queue.renew([lease: 50], in: database.pool).isEmpty)
            #expect(try await acme.balance(database) == (1_000_000, 0, 0))
            #expect(try await database.rows("select number, outcome from attempts") == [["1", "cancelled"]])
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func onesOwnTasksAloneCanBeWithdrawn() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let other = try await Tenant.make(database, name: "other")
            let ids = try await database.admitted([acme.submission(), other.submission()])
            let verdicts = try await cancel(ids + [TaskID(999_999)], wallet: acme.walletID, running: true, database)
            #expect(verdicts == [.cancelled, .unknown, .unknown])
            #expect(try await other.balance(database) == (974_000, 26_000, 0))
        }

        /// Settle, refund, cancel and rescue from several connections: each task ends once, whoever is first.
        @Test func endingsThatRaceEndEachTaskOnce() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 6)
            let acme = try await Tenant.make(database)
            try await database.rows(
                "select grant_credits(\(acme.walletID), 300000, clock_timestamp() + interval '1 hour', 'test', 'test')")
            for _ in 0..<6 {
                let ids = try await database.admitted((0..<12).map { _ in acme.submission() })
                let leases = try await database.claim(8).map(\.lease)
                try await database.expire(Array(leases.prefix(4)))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for lease in leases {
                        group.addTask { _ = try await database.close([.completed(lease)]) }
                        group.addTask { _ = try await database.close([.failed(lease)]) }
                    }
                    for id in ids { group.addTask { _ = try await cancel([id], running: true, database) } }
                    group.addTask { _ = try await queue.rescue(in: database.pool) }
                    group.addTask { try await database.rows("select expire_due_grants(10)") }
                    try await group.waitForAll()
                }
                _ = try await cancel(ids, running: true, database)
                #expect(try await database.number("select count(*) from tasks where finished_at is null") == 0)
                #expect(try await ledgerDrift(database).isEmpty)
            }
            let ends = try await database.number("select count(*) from entries where kind in ('settle', 'refund')")
            #expect(ends == 72)
        }
    }
}
