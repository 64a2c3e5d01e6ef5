import Admission
import Domain
import Queue
import TestSupport
import Testing

extension QueueSuites {
    @Suite struct RescueTests {
        @Test func aLeaseThatRanOutIsRescuedAndTheTaskRunsElsewhere() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.admitted([acme.submission(), acme.submission()])
            let claimed = try await database.claim(2, node: "dead")
            try await database.expire([claimed[0].lease])
            #expect(try await queue.rescue(in: database.pool) == 1)
            #expect(try await database.task(claimed[0].id, "state") == ["pending"])
            #expect(try await database.task(claimed[1].id, "state") == ["processing"])
            let again = try await database.claim(2, node: "alive")
            #expect(again.map(\.id) == [claimed[0].id])
            #expect(again[0].attempt == 2)
            #expect(again[0].lease.value > claimed[0].lease.value)
            // Its reservation stayed all the while.
            #expect(try await acme.balance(database) == (948_000, 52_000, 0))
            #expect(try await database.rows("select number, node, outcome from attempts") == [["1", "dead", "lost"]])
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func aRenewedLeaseIsNotRescuedAndKeepsItsProgress() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.admitted([acme.submission()])
            let lease = try await database.claim(1)[0].lease
            try await database.expire([lease])
            #expect(try await queue.renew([lease: 40], in: database.pool) == [lease])
            #expect(try await queue.rescue(in: database.pool) == 0)
            // Progress never goes back.
            #expect(try await queue.renew([lease: 30], in: database.pool) == [lease])
            #expect(try await database.number("select progress from leases") == 40)
            #expect(try await database.close([.completed(lease)]) == [lease: .closed])
            #expect(try await queue.renew([lease: 50], in: database.pool).isEmpty)
        }

        @Test func whatIsHandedBackRunsAgainAndTheOlderLeaseIsStale() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.admitted((0..<3).map { _ in acme.submission() })
            let claimed = try await database.claim(3)
            try await queue.handBack(claimed.prefix(2).map(\.lease), in: database.pool)
            try await queue.handBack([claimed[0].lease], in: database.pool)
            #expect(try await database.rows("select outcome from attempts") == [["handed_back"], ["handed_back"]])
            #expect(try await database.number("select running from wallets where id = \(acme.walletID)") == 1)
            #expect(try await database.close([.completed(claimed[0].lease)]) == [claimed[0].lease: .stale])
            #expect(try await database.claim(9).map(\.id) == claimed.prefix(2).map(\.id))
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func whatIsTakenBackRunsAgainFromANodeOrFromAside() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let ids = try await database.admitted((0..<3).map { _ in acme.submission() })
            let claimed = try await database.claim(2)
            #expect(try await queue.putAside(claimed[1].lease, seconds: 600, in: database.pool))
            // The third waits in the queue, and stays there.
            for id in ids { try await queue.takeBack(id, in: database.pool) }
            #expect(try await database.number("select count(*) from queue") == 3)
            #expect(try await database.rows("select outcome from attempts") == [["handed_back"], ["handed_back"]])
            #expect(try await database.close([.completed(claimed[0].lease)]) == [claimed[0].lease: .stale])
            let again = try await database.claim(9)
            #expect(Set(again.map(\.id)) == Set(ids))
            #expect(Set(again.map(\.attempt)) == [1, 2])
            #expect(try await acme.balance(database) == (922_000, 78_000, 0))
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func aTaskWhoseAttemptsAreUsedUpFailsAndIsRefunded() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let id = try await database.admitted([acme.submission(callbackURL: "https://example.com/")])[0]
            for attempt in 1...Limits.attemptsMax {
                let task = try #require(try await database.claim(1).first)
                #expect(task.id == id)
                #expect(task.attempt == attempt)
                try await database.expire([task.lease])
                #expect(try await queue.rescue(in: database.pool) == 1)
            }
            #expect(try await database.task(id, "state, settled, error_code") == ["failed", "0", "generation_timeout"])
            #expect(try await acme.balance(database) == (1_000_000, 0, 0))
            #expect(try await database.claim(1).isEmpty)
            #expect(try await queue.rescue(in: database.pool) == 0)
            #expect(try await database.number("select count(*) from callbacks") == 1)
            #expect(try await database.number("select count(*) from attempts") == Int64(Limits.attemptsMax))
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func rescuersAndClosersThatRaceEndEachLeaseOnce() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 4)
            let acme = try await Tenant.make(database, credits: "5")
            try await database.admitted((0..<100).map { _ in acme.submission() })
            let leases = try await database.claim(100).map(\.lease)
            try await database.expire(leases)
            async let first = queue.rescue(in: database.pool)
            async let second = queue.rescue(in: database.pool)
            async let handed: Void = queue.handBack(Array(leases.suffix(60)), in: database.pool)
            var closed = 0
            for start in stride(from: 0, to: leases.count, by: 4) {
                let verdicts = try await database.close(leases[start..<start + 4].map { .completed($0) })
                closed += verdicts.values.count { $0 == .closed }
            }
            let rescued = try await first + second
            try await handed
            let handedBack = try await database.number("select count(*) from attempts where outcome = 'handed_back'")
            #expect(closed + rescued + Int(handedBack) == 100)
            #expect(try await database.number("select count(*) from attempts") == 100)
            #expect(try await database.number("select count(*) from queue") == Int64(100 - closed))
            #expect(try await acme.balance(database).settled == Int64(closed) * 26_000)
            #expect(try await ledgerDrift(database).isEmpty)
        }
    }
}
