import Admission
import Domain
import Queue
import TestSupport
import Testing

extension QueueSuites {
    @Suite struct CloseTests {
        @Test func aCompletedTaskIsSettledWithItsPictureAndItsFacts() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.admitted([acme.submission()])
            let task = try await database.claim(1)[0]
            #expect(try await database.close([.completed(task.lease)]) == [task.lease: .closed])
            #expect(try await acme.balance(database) == (974_000, 0, 26_000))
            #expect(
                try await database.task(task.id, "state, settled, error_code, images->0->>'path', images->0->>'bytes'")
                    == ["completed", "26000", nil, "1/\(task.lease.value)-0.png", "9"])
            #expect(
                try await database.rows(
                    """
                    select event, provider, reserved, settled, refunded, account_id, key_id from usage_facts order by at
                    """) == [
                        ["submitted", nil, "26000", "0", "0", "\(acme.accountID)", "\(acme.keyID)"],
                        ["completed", "sandbox", "0", "26000", "0", "\(acme.accountID)", "\(acme.keyID)"],
                    ])
            #expect(
                try await database.rows("select number, node, provider, outcome from attempts")
                    == [["1", "node", "sandbox", "completed"]])
            #expect(try await ledgerDrift(database).isEmpty)
        }

        /// Rule 10.
        @Test func aFailedTaskCostsNothingAndSaysWhy() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.admitted([acme.submission()])
            let task = try await database.claim(1)[0]
            #expect(try await database.close([.failed(task.lease)]) == [task.lease: .closed])
            #expect(try await acme.balance(database) == (1_000_000, 0, 0))
            #expect(
                try await database.task(task.id, "state, settled, error_code, images")
                    == ["failed", "0", "service_error", nil])
            #expect(
                try await database.rows("select event, settled, refunded from usage_facts order by at offset 1")
                    == [["failed", "0", "26000"]])
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func closingTwiceChangesNothingTheSecondTime() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.admitted([acme.submission()])
            let lease = try await database.claim(1)[0].lease
            #expect(try await database.close([.completed(lease)]) == [lease: .closed])
            let before = try await database.moneyState()
            #expect(try await database.close([.completed(lease)]) == [lease: .stale])
            #expect(try await database.close([.failed(lease)]) == [lease: .stale])
            #expect(try await database.moneyState() == before)
        }

        @Test func anOlderLeaseChangesNothing() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.admitted([acme.submission()])
            let old = try await database.claim(1)[0].lease
            try await database.expire([old])
            #expect(try await queue.rescue(in: database.pool) == 1)
            let new = try await database.claim(1)[0].lease
            #expect(new.value > old.value)
            let before = try await database.moneyState()
            let unknown = Lease(new.value + 1000)
            #expect(
                try await database.close([.completed(old), .failed(unknown)]) == [old: .stale, unknown: .stale])
            try await queue.handBack([old], in: database.pool)
            #expect(try await queue.renew([old: 50], in: database.pool).isEmpty)
            #expect(try await database.moneyState() == before)
            // Mixed with one that is held, only that one counts.
            #expect(try await database.close([.failed(old), .completed(new)]) == [old: .stale, new: .closed])
            #expect(try await acme.balance(database).settled == 26_000)
        }

        /// Rule 4: a reservation ends exactly once, also when many try.
        @Test func ofThreeRacingClosersExactlyOneWinsEachTask() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 3)
            let tenants = [
                try await Tenant.make(database, name: "a", credits: "5"),
                try await Tenant.make(database, name: "b", credits: "5"),
            ]
            try await database.admitted(
                (0..<120).map { tenants[$0 % 2].submission(callbackURL: "https://example.com/") })
            let leases = try await database.claim(120).map(\.lease)
            #expect(leases.count == 120)
            let ways: [@Sendable (Lease) -> Ending] = [
                { .completed($0, provider: "first") }, { .failed($0) }, { .completed($0, provider: "third") },
            ]
            let wins = try await withThrowingTaskGroup(of: [Lease].self) { group in
                for (racer, way) in ways.enumerated() {
                    group.addTask {
                        var mine: [Lease] = []
                        let order = racer == 1 ? leases.reversed() : leases
                        let size = [5, 8, 13][racer]
                        for start in stride(from: 0, to: order.count, by: size) {
                            let part = order[start..<min(start + size, order.count)]
                            let verdicts = try await database.close(part.map(way))
                            mine += verdicts.filter { $0.value == .closed }.map(\.key)
                        }
                        return mine
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(wins.count == 120)
            #expect(Set(wins) == Set(leases))
            #expect(try await database.number("select count(*) from callbacks") == 120)
            #expect(try await database.number("select count(*) from leases") == 0)
            for tenant in tenants {
                let completed = try await database.number(
                    "select count(*) from tasks where state = 'completed' and wallet_id = \(tenant.walletID)")
                let cost = completed * 26_000
                #expect(try await tenant.balance(database) == (5_000_000 - cost, 0, cost))
            }
            #expect(try await ledgerDrift(database).isEmpty)
        }

        /// Rule 3: what is settled is at most what was reserved, and the rest returns in the same commit.
        @Test func unitsAreSettledUpToTheReservation() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.setPrice(rule: .perSecond, micro: 1_000, unitsMax: 30)
            let acme = try await Tenant.make(database)
            var total: Int64 = 0
            let cases: [(Int, Int64)] = [
                (12, 12_000), (30, 30_000), (31, 30_000), (1_000_000, 30_000), (0, 0), (-5, 0),
            ]
            for (units, settled) in cases {
                let id = try await database.admitted([acme.submission()])[0].value
                let lease = try await database.claim(1)[0].lease
                #expect(try await database.close([.completed(lease, units: units)]) == [lease: .closed])
                total += settled
                #expect(try await acme.balance(database) == (1_000_000 - total, 0, total))
                let entries = try await database.rows(
                    "select kind, amount from entries where task_id = \(id) and kind <> 'reserve' order by kind::text")
                let rest = 30_000 - settled
                let remainder = rest > 0 ? [["remainder", "\(rest)"]] : []
                #expect(entries == remainder + [["settle", "\(settled)"]], "\(units)")
            }
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func aCallbackRowIsWrittenIfAndOnlyIfThereIsAnAddress() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.admitted([
                acme.submission(), acme.submission(callbackURL: "https://example.com/done"),
                acme.submission(callbackURL: "https://example.com/failed"),
            ])
            let tasks = try await database.claim(3)
            #expect(try await database.number("select count(*) from callbacks") == 0)
            _ = try await database.close([
                .completed(tasks[0].lease), .completed(tasks[1].lease), .failed(tasks[2].lease),
            ])
            #expect(
                try await database.rows("select task_id, account_id, url, state from callbacks order by task_id") == [
                    ["\(tasks[1].id.value)", "\(acme.accountID)", "https://example.com/done", "waiting"],
                    ["\(tasks[2].id.value)", "\(acme.accountID)", "https://example.com/failed", "waiting"],
                ])
        }
    }
}
