import Domain
import Foundation
import Ledger
import Postgres
import TestSupport
import Testing

extension LedgerSuites {
    @Suite struct PriceListTests {
        private let hour = HourLine()

        private func fresh(connectionsMax: Int = 1) async throws -> TestDatabase {
            let database = try await TestDatabase.fresh(connectionsMax: connectionsMax)
            try await database.makeGroup("vip")
            return database
        }

        @Test func aNewPriceHoldsAtOnceAndTheOldOneIsHistory() async throws {
            let database = try await fresh()
            let first = try await database.set(.perCall(1), group: "vip")
            let second = try await database.set(
                .perCall(2), group: "vip", by: PriceAuthor(actor: "mia", reason: "dearer power"))
            let list = try await database.prices(group: "vip")
            #expect(list.map(\.version) == [second.version, first.version])
            #expect(list.map(\.state) == [.inForce, .past])
            #expect(list.map(\.from) == [second.from, first.from])
            #expect(list.map(\.until) == [nil, second.from])
            #expect(list.map(\.actor) == ["mia", "tester"])
            #expect(list.map(\.reason) == ["dearer power", "a test"])
            // The installation's own price was set by nobody.
            #expect(try await database.prices().map(\.actor) == [nil, nil, nil])
        }

        @Test func aPriceOfALaterDateWaitsAndIsReplacedByAnotherForThatDate() async throws {
            let database = try await fresh()
            let waiting = try await database.set(.perCall(1), from: hour(0))
            let later = try await database.set(.perCall(2), from: hour(5))
            let large = try await database.set(.perCall(9), for: .generate(.large), from: hour(0))
            #expect([waiting.replaced, later.replaced, large.replaced] == [nil, nil, nil])
            let better = try await database.set(.perCall(3), from: hour(0))
            #expect(better.replaced == waiting.version)
            let list = try await database.prices().filter { $0.scope == .generate() }
            #expect(list.map(\.version) == [later.version, better.version, waiting.version, list.last?.version])
            #expect(list.map(\.state) == [.future, .future, .withdrawn, .inForce])
            // What was replaced holds nobody up.
            #expect(list.map(\.until) == [nil, hour(5), nil, hour(0)])
            #expect(list[2].withdrawnBy == "tester" && list[2].withdrawnReason == "a test")
        }

        @Test func pricesAreNotChangedBackwards() async throws {
            let database = try await fresh()
            let before = try await database.rows("select p::text from prices p order by id")
            for seconds in [-61.0, -3_600, -35_000_000] {
                await #expect(throws: PriceRefusal.past) {
                    try await database.set(.perCall(1), from: Date(timeIntervalSinceNow: seconds))
                }
            }
            #expect(try await database.rows("select p::text from prices p order by id") == before)
            // Clocks differ a little: a moment that has just gone by means now.
            let set = try await database.set(.perCall(1), from: Date(timeIntervalSinceNow: -20))
            #expect(set.from.timeIntervalSinceNow > -10)
        }

        @Test func whatIsNotInForceYetCanBeWithdrawnOnce() async throws {
            let database = try await fresh()
            let held = try await database.prices().filter { $0.scope == .generate() }[0]
            let version = try await database.set(.perCall(1), from: hour(0)).version
            let withdrawn = try await database.withdraw(version)
            #expect(withdrawn.state == .withdrawn && withdrawn.withdrawnBy == "tester" && withdrawn.until == nil)
            let at = try #require(withdrawn.withdrawnAt)
            await #expect(throws: PriceRefusal.withdrawnBefore(version, at: at)) { try await database.withdraw(version) }
            let list = try await database.prices().filter { $0.scope == .generate() }
            #expect(list.map(\.version) == [version, held.version] && list.map(\.until) == [nil, nil])
            let request = QuoteRequest(model: "z-image-turbo", operation: .generate, tier: .standard, at: hour(1))
            let quotes = try await PriceLists().quotes([request], group: "default", in: database.pool)
            #expect(quotes[0]?.version == held.version)
            // The date is free again.
            #expect(try await database.set(.perCall(2), from: hour(0)).replaced == nil)
        }

        @Test func whatIsOrWasInForceIsNotWithdrawn() async throws {
            let database = try await fresh()
            let past = try await database.set(.perCall(1))
            let present = try await database.set(.perCall(2))
            for set in [past, present] {
                await #expect(throws: PriceRefusal.inForce(set.version, since: set.from)) {
                    try await database.withdraw(set.version)
                }
            }
            await #expect(throws: PriceRefusal.unknownVersion(4242)) { try await database.withdraw(4242) }
            // Neither in the last minute before: the commit could come too late.
            let soon = try await database.set(.perCall(3), from: Date(timeIntervalSinceNow: 50))
            await #expect(throws: PriceRefusal.tooLate) { try await database.withdraw(soon.version) }
            await #expect(throws: PriceRefusal.tooLate) { try await database.set(.perCall(4), from: soon.from) }
            #expect(try await database.prices().count { $0.state == .withdrawn } == 0)
        }

        @Test func theListAtADateIsWhatHoldsThen() async throws {
            let database = try await fresh()
            let first = try await database.set(.perCall(1), from: hour(2), group: "vip").version
            let second = try await database.set(.perCall(2), from: hour(4), group: "vip").version
            let large = try await database.set(.perCall(3), for: .generate(.large), from: hour(3), group: "vip").version
            let gone = try await database.set(.perCall(4), from: hour(3), group: "vip").version
            try await database.withdraw(gone)
            for (at, versions) in [(1, []), (2, [first]), (3, [first, large]), (4, [second, large]), (99, [second, large])] {
                #expect(try await database.prices(group: "vip", at: hour(at)).map(\.version) == versions, "\(at)")
            }
            #expect(try await database.prices(group: "nobody").isEmpty)
        }

        @Test func unknownGroupsAndModelsChangeNothing() async throws {
            let database = try await fresh()
            let before = try await database.rows("select p::text from prices p order by id")
            let stranger = PriceScope(model: "stranger", operation: .generate, tier: nil)
            for (plans, group) in [([PriceScope.generate()], "nobody"), ([.generate(), stranger], "vip")] {
                let set = try await database.pool.transaction { transaction in
                    try await PriceLists().set(
                        plans.map { PricePlan(scope: $0, terms: try .perCall(1), from: nil) }, group: group, by: testAuthor,
                        in: transaction)
                }
                #expect(set == nil)
            }
            #expect(try await database.rows("select p::text from prices p order by id") == before)
        }

        @Test func aListThatIsTooLongIsRefusedAndNotCut() async throws {
            let database = try await fresh()
            try await database.rows(
                """
                insert into prices (group_id, model_id, operation, rule, amount, effective_from)
                select g.id, m.id, 'generate', 'per_call', n, '2001-01-01'::timestamptz + n * interval '1 hour'
                from user_groups g, models m, generate_series(1, 10000) n where g.name = 'vip'
                """)
            #expect(try await database.prices(group: "vip").count == 10_000)
            try await database.set(.perCall(1), group: "vip")
            await #expect(throws: PriceRefusal.tooMany(max: 10_000)) { try await database.prices(group: "vip") }
            #expect(try await database.prices(group: "vip", at: Date(timeIntervalSinceNow: 60)).count == 1)
        }
    }
}
