import Admission
import Domain
import Foundation
import Ledger
import Queue
import TestSupport
import Testing

extension LedgerSuites {
    /// Rule 3: a task is reserved and settled by the price of its submit, whatever happens to prices while it waits and runs.
    @Suite struct PinnedPriceTests {
        struct Case: Sendable {
            let rule: BillingRule
            let unitsMax: Int
            let used: [(units: Int, settled: Int64)]
        }

        static let cases = [
            Case(rule: .perCall, unitsMax: 1, used: [(0, 500), (1, 500), (99, 500)]),
            Case(rule: .perSecond, unitsMax: 60, used: [(0, 0), (1, 500), (59, 29_500), (60, 30_000), (61, 30_000), (-1, 0)]),
            Case(rule: .perToken, unitsMax: 1_000, used: [(0, 0), (7, 3_500), (1_000, 500_000), (2_000_000, 500_000)]),
        ]

        @Test(arguments: cases)
        func pricesThatAreEditedWhileJobsRunChangeNoneOfThem(_ test: Case) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "10")
            let terms = try PriceTerms(rule: test.rule, amount: Credits(micro: 500), unitsMax: test.unitsMax)
            let version = try await database.set(terms).version
            // One task per row, one that will fail, one that still waits when prices change.
            let ids = try await database.admitted(test.used.map { _ in acme.submission() } + [acme.submission()])
            let queue = TaskQueue(leaseSeconds: 600)
            var claimed = try await queue.claim(node: "node", limit: 100, afterWallet: 0, in: database.pool)
            let waiting = try await database.admitted([acme.submission()])[0]
            try await edit(database, after: version)

            #expect(try await database.admit([acme.submission()])[0].outcome.get().reserved.micro == 900_000)
            claimed += try await queue.claim(node: "node", limit: 1, afterWallet: 0, in: database.pool)
            #expect(claimed.map(\.id) == ids + [waiting])
            let endings = zip(claimed, test.used).map {
                Ending(lease: $0.lease, outcome: .completed(images: []), units: $1.units, provider: "sandbox")
            }
            let last = claimed.suffix(2).map(\.lease)
            _ = try await queue.close(
                endings + [
                    Ending(lease: last[0], outcome: .failed(code: "service_error", message: "no"), units: 9, provider: nil),
                    Ending(lease: last[1], outcome: .completed(images: []), units: 1, provider: "sandbox"),
                ], in: database.pool)

            let reserved = 500 * Int64(test.unitsMax)
            for (id, settled) in zip(ids + [waiting], test.used.map(\.settled) + [0, 500]) {
                try await expect(id, version, reserved: reserved, settled: settled, database)
            }
            let spent = test.used.map(\.settled).reduce(500, +)
            #expect(try await acme.balance(database) == (10_000_000 - 900_000 - spent, 900_000, spent))
            #expect(try await ledgerDrift(database).isEmpty)
        }

        /// Every way there is to change prices.
        private func edit(_ database: TestDatabase, after version: Int64) async throws {
            let hour = HourLine()
            let scope = PriceScope.generate()
            let planned = try await database.set(.perCall(1), from: hour(0)).version
            try await database.set(.perCall(2), from: hour(0))
            #expect(try await database.prices().contains { $0.version == planned && $0.state == .withdrawn })
            try await database.withdraw(try await database.set(.perCall(3), from: hour(1)).version)
            try await database.load([
                PriceRow(line: 2, scope: scope, terms: try .perCall(4), from: hour(2), until: hour(3)),
                PriceRow(line: 3, scope: scope, terms: try .perCall(5), from: hour(3), until: nil),
            ])
            let now = try await database.set(.perCall(900_000))
            #expect(try await database.prices().contains { $0.version == version && $0.state == .past && $0.until == now.from })
        }

        private func expect(
            _ id: TaskID, _ version: Int64, reserved: Int64, settled: Int64, _ database: TestDatabase
        ) async throws {
            let task = try await database.rows("select price_id, reserved, settled from tasks where id = \(id.value)")[0]
            #expect(task == ["\(version)", "\(reserved)", "\(settled)"])
            #expect(settled <= reserved)
            let back = try await database.number(
                "select coalesce(sum(amount), 0) from entries where task_id = \(id.value) and kind in ('refund', 'remainder')")
            #expect(back == reserved - settled, "what was not used returns")
            let versions = try await database.rows("select distinct price_id from entries where task_id = \(id.value)")
            #expect(versions == [["\(version)"]])
        }

        /// What `zadmin price quote --units` says is what close_tasks does.
        @Test(arguments: cases)
        func aQuoteWithUnitsIsWhatIsSettled(_ test: Case) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.set(try PriceTerms(rule: test.rule, amount: Credits(micro: 500), unitsMax: test.unitsMax))
            let requests = test.used.map {
                QuoteRequest(model: "z-image-turbo", operation: .generate, tier: .standard, units: $0.units)
            }
            let quotes = try await PriceLists().quotes(requests, group: "default", in: database.pool)
            #expect(quotes.map(\.?.settled?.micro) == test.used.map(\.settled))
            #expect(quotes.allSatisfy { $0?.reserved.micro == 500 * Int64(test.unitsMax) })
            let silent = QuoteRequest(model: "z-image-turbo", operation: .generate, tier: .standard)
            #expect(try await PriceLists().quotes([silent], group: "default", in: database.pool)[0]?.settled == nil)
        }

        /// Submits and price changes race: every task is at the price of one version, whole.
        @Test func aTaskIsAtOnePriceWhileTheyChange() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 3)
            let acme = try await Tenant.make(database, credits: "100")
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for micro in Int64(1)...40 { try await database.set(.perCall(micro)) }
                }
                for _ in 0..<2 {
                    group.addTask {
                        for _ in 0..<40 { try await database.admitted([acme.submission(), acme.submission()]) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await database.number("select count(*) from tasks") == 160)
            // Within a batch there is one price.
            #expect(
                try await database.rows("select created_at from tasks group by created_at having count(distinct price_id) > 1").isEmpty)
            #expect(try await ledgerDrift(database).isEmpty)
        }
    }
}
