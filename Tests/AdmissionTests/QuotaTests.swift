import Admission
import Domain
import Foundation
import Ledger
import Postgres
import Queue
import TestSupport
import Testing

extension AdmissionSuites {
    @Suite struct QuotaTests {
        private static let queue = TaskQueue(leaseSeconds: 60)

        private func set(
            _ scope: QuotaScope, _ subject: String, daily: Int64? = nil, monthly: Int64? = nil, zone: String = "UTC",
            _ database: TestDatabase
        ) async throws {
            let plan = QuotaPlan(
                daily: daily.map(Credits.init(micro:)), monthly: monthly.map(Credits.init(micro:)), timeZone: zone)
            try await database.pool.transaction { try await Quotas().set(plan, scope, subject, in: $0) }
        }

        private func used(_ database: TestDatabase) async throws -> [[String?]] {
            try await database.rows("select scope, day_used, month_used from quotas order by scope")
        }

        /// Claims and ends the oldest task.
        private func end(_ outcome: Ending.Outcome, units: Int = 0, _ database: TestDatabase) async throws {
            let lease = try await Self.queue.claim(node: "n", limit: 1, afterWallet: 0, in: database.pool)[0].lease
            let ending = Ending(lease: lease, outcome: outcome, units: units, provider: nil)
            #expect(try await Self.queue.close([ending], in: database.pool) == [lease: .closed])
        }

        @Test(arguments: QuotaScope.allCases, QuotaWindow.allCases)
        func aCapHoldsWithinABatchAndAcrossBatches(scope: QuotaScope, window: QuotaWindow) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let subject = scope == .key ? String(acme.keyID) : scope == .account ? "acme" : "default"
            // Two tasks and all but a micro-credit of a third.
            let cap: Int64 = 3 * 26_000 - 1
            try await set(scope, subject, daily: window == .day ? cap : nil, monthly: window == .month ? cap : nil, database)
            let first = try await database.admit([acme.submission()]).map(\.word)
            let second = try await database.admit([acme.submission(), acme.submission()]).map(\.word)
            #expect(first + second == ["accepted", "accepted", "quota_exceeded"])
            let before = try await database.moneyState() + used(database).flatMap { $0 }
            let refused = try await database.admit([acme.submission()])[0]
            #expect(try await database.moneyState() + used(database).flatMap { $0 } == before, "a refusal counts nothing")
            guard case .failure(.quotaExceeded(let quota, let credit)) = refused.outcome else {
                throw TestFailure("not refused by the cap: \(refused)")
            }
            #expect(quota.scope == scope && quota.window == window && quota.timeZone == "UTC")
            #expect(quota.cap.micro == cap && quota.used.micro == 52_000)
            #expect(credit == CreditStanding(available: Credits(micro: 948_000), needed: Credits(micro: 26_000)))
            let isFuture = quota.resetsAt > Date()
            #expect(isFuture)
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func theStrictestOfSeveralCapsWins() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await set(.group, "default", daily: 10_000_000, database)
            try await set(.account, "acme", daily: 78_000, monthly: 52_000, database)
            try await set(.key, String(acme.keyID), monthly: 60_000, database)
            let verdicts = try await database.admit((0..<3).map { _ in acme.submission() })
            #expect(verdicts.map(\.word) == ["accepted", "accepted", "quota_exceeded"])
            #expect(
                try await used(database) == [
                    ["key", "52000", "52000"], ["account", "52000", "52000"], ["group", "52000", "52000"],
                ])
        }

        @Test func aGroupsCapIsForAllItsAccountsAndAnAccountsForAllItsKeys() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let second = try await Tenant.make(database)
            let bravo = try await Tenant.make(database, name: "bravo")
            try await set(.group, "default", daily: 3 * 26_000, database)
            try await set(.account, "acme", daily: 2 * 26_000, database)
            let words = try await database.admit(
                [acme, second, acme, bravo, bravo].map { $0.submission() }
            ).map(\.word)
            #expect(words == ["accepted", "accepted", "quota_exceeded", "accepted", "quota_exceeded"])
        }

        @Test func whatComesBackCanBeUsedAgain() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.setPrice(tier: "large", rule: .perSecond, micro: 2_000, unitsMax: 20)
            let acme = try await Tenant.make(database)
            try await set(.account, "acme", daily: 66_000, database)
            let large = acme.submission().changed(side: 1536)
            let words = try await database.admit([large, acme.submission(), acme.submission()]).map(\.word)
            #expect(words == ["accepted", "accepted", "quota_exceeded"])
            // 3 of 20 seconds: 34,000 of 40,000 micro-credits come back.
            try await end(.completed(images: []), units: 3, database)
            #expect(try await used(database) == [["account", "32000", "32000"]])
            try await end(.failed(code: "x", message: "x"), database)
            #expect(try await used(database) == [["account", "6000", "6000"]])
            #expect(try await database.admit([acme.submission(), acme.submission()]).map(\.word) == ["accepted", "accepted"])
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func aNewWindowBeginsEmptyAndOldTasksGiveNothingBackToIt() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await set(.account, "acme", daily: 52_000, database)
            #expect(try await database.admit([acme.submission(), acme.submission()]).map(\.word) == ["accepted", "accepted"])
            // Midnight passes: the window of the counters and the tasks are yesterday's.
            try await database.rows(
                """
                update quotas set day_start = day_start - interval '1 day';
                update tasks set created_at = created_at - interval '1 day'
                """)
            #expect(
                try await Quotas().list(.account, "acme", in: database.pool).map(\.left) == [Credits(micro: 52_000)])
            #expect(try await database.admit([acme.submission()]).map(\.word) == ["accepted"])
            try await end(.failed(code: "x", message: "x"), database)
            #expect(try await database.rows("select day_used from quotas") == [["26000"]])
            #expect(try await database.admit([acme.submission(), acme.submission()]).map(\.word) == ["accepted", "quota_exceeded"])
        }

        @Test(arguments: ["UTC", "Asia/Tokyo", "America/St_Johns"])
        func aWindowBeginsAtTheMidnightOfItsTimeZone(zone: String) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await set(.account, "acme", daily: 1, monthly: 1, zone: zone, database)
            var calendar = Calendar(identifier: .gregorian)
            calendar.timeZone = try #require(TimeZone(identifier: zone))
            let before = Date()
            let refused = try await database.admit([acme.submission()])[0]
            guard case .failure(.quotaExceeded(let quota, _)) = refused.outcome else { throw TestFailure("not refused") }
            // Midnight may pass while the test runs.
            let midnights = [before, Date()].map { calendar.startOfDay(for: $0.addingTimeInterval(86_400)) }
            #expect(midnights.contains(quota.resetsAt) && quota.timeZone == zone)
        }

        @Test func aCapThatIsSetLateKnowsWhatTheWindowHasUsed() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.admitted((0..<3).map { _ in acme.submission() })
            try await end(.completed(images: []), database)
            try await end(.failed(code: "x", message: "x"), database)
            for (scope, subject) in [(QuotaScope.key, String(acme.keyID)), (.account, "acme"), (.group, "default")] {
                try await set(scope, subject, daily: 78_000, database)
            }
            #expect(Set(try await used(database).map { $0[1] }) == ["52000"])
            #expect(try await database.admit([acme.submission(), acme.submission()]).map(\.word) == ["accepted", "quota_exceeded"])
        }

        @Test func aLiftedCapIsGoneAndTestCreditsCountForTheirKeyAlone() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let test = try await Tenant.make(database, mode: .test)
            try await set(.account, "acme", daily: 0, database)
            try await set(.group, "default", daily: 0, database)
            #expect(try await database.admit([test.submission()]).map(\.word) == ["accepted"])
            try await set(.key, String(test.keyID), daily: 26_000, database)
            #expect(try await database.admit([test.submission()]).map(\.word) == ["quota_exceeded"])
            try await set(.key, String(test.keyID), database)
            #expect(try await database.admit([test.submission()]).map(\.word) == ["accepted"])
            #expect(try await Quotas().list(.key, String(test.keyID), in: database.pool).isEmpty)
        }

        /// Two connections, as two nodes would: what both admit together is exactly the cap.
        @Test func aCapOfManyAccountsIsExactInARace() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 4)
            var tenants: [Tenant] = []
            for name in ["a", "b", "c", "d"] { tenants.append(try await Tenant.make(database, name: name)) }
            try await set(.group, "default", monthly: 40 * 26_000, database)
            let everyone = tenants
            let accepted = try await withThrowingTaskGroup(of: Int.self) { group in
                for turn in 0..<20 {
                    group.addTask {
                        let batch = (0..<4).map { everyone[(turn + $0) % 4].submission() }
                        return try await database.admit(batch).count { $0.word == "accepted" }
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(accepted == 40)
            #expect(try await database.number("select month_used from quotas") == 40 * 26_000)
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func aRefusalUnderAKeyStaysTheSameAnswer() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await set(.account, "acme", daily: 26_000, database)
            try await database.admitted([acme.submission()])
            let keyed = acme.submission(idempotencyKey: "one")
            let first = try await database.admit([keyed])[0]
            try await set(.account, "acme", daily: 260_000, database)
            let second = try await database.admit([keyed])[0]
            #expect(first.word == "quota_exceeded" && !first.replayed && second.replayed)
            guard case .failure(let then) = first.outcome, case .failure(let now) = second.outcome else {
                throw TestFailure("the second answer is another")
            }
            #expect(then == now, "with the figures of the first time")
        }

        @Test func whatCannotBeSetIsRefused() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            await #expect(throws: QuotaError.self) { try await set(.account, "nobody", daily: 1, database) }
            await #expect(throws: QuotaError.self) { try await set(.key, "nine", daily: 1, database) }
            await #expect(throws: QuotaError.self) {
                try await set(.group, "default", daily: 1, zone: "Mars/Olympus", database)
            }
            #expect(try await database.number("select count(*) from quotas") == 0)
        }
    }
}
