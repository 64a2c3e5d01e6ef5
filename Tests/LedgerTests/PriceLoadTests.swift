import Domain
import Foundation
import Ledger
import TestSupport
import Testing

extension LedgerSuites {
    @Suite struct PriceLoadTests {
        private let hour = HourLine()

        private func row(
            _ line: Int, _ micro: Int64, _ from: Int, _ until: Int?, _ scope: PriceScope = .generate()
        ) throws -> PriceRow<Date> {
            PriceRow(line: line, scope: scope, terms: try .perCall(micro), from: hour(from), until: until.map { hour($0) })
        }

        @Test func aListTakesOverAtItsFirstLineAndLeavesTheRest() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let old = try await database.prices()
            // Takes over before the list does, and gives way to it.
            let between = try await database.set(.perCall(5), from: hour(1))
            let waiting = try await database.set(.perCall(6), for: .generate(.large), from: hour(9))
            let set = try await database.load([try row(2, 7, 2, 4), try row(3, 8, 4, nil)])
            #expect(set.map(\.from) == [hour(2), hour(4)])
            #expect(set.map(\.replaced) == [nil, nil])
            let list = try await database.prices()
            let every = list.filter { $0.scope == .generate() }
            #expect(every.prefix(3).map(\.version) == [set[1].version, set[0].version, between.version])
            #expect(every.map(\.until) == [nil, hour(4), hour(2), hour(1)])
            #expect(every.map(\.terms.amount.micro) == [8, 7, 5, 26_000])
            #expect(list.count == old.count + 4 && list.contains { $0.version == waiting.version && $0.state == .future })
        }

        @Test func nothingOfAWrongListIsSet() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let planned = try await database.set(.perCall(5), from: hour(3)).version
            let stranger = PriceScope(model: "stranger", operation: .edit, tier: nil)
            let edit = PriceScope(model: "z-image-turbo", operation: .edit, tier: nil)
            let before = try await database.rows("select p::text from prices p order by id")
            let good = try row(9, 1, 1, nil, edit)
            let lists: [([PriceRow<Date>], PriceListProblem<Date>)] = [
                ([try row(2, 1, 1, nil, stranger), good], .unknownModel(line: 2, model: "stranger")),
                ([try row(2, 1, -9, nil, .generate(.large)), good], .past(line: 2, from: hour(-9))),
                ([try row(2, 1, 1, 2, .generate(.large)), good], .notOpen(line: 2, until: hour(2))),
                ([try row(2, 1, 3, nil), good], .planned(line: 2, version: planned, from: hour(3))),
                ([try row(2, 1, 1, nil), good], .planned(line: 2, version: planned, from: hour(3))),
            ]
            for (list, problem) in lists {
                let refusal = await #expect(throws: PriceListRefusal.self) { try await database.load(list) }
                #expect(refusal?.problems == [problem])
            }
            #expect(try await database.rows("select p::text from prices p order by id") == before)
            // Withdrawn, it holds nobody up.
            try await database.withdraw(planned)
            #expect(try await database.load([try row(2, 1, 1, nil), good]).count == 2)
        }

        /// The check and the change are one: the group's row is locked before the check.
        @Test func ofTwoListsAtOnceOneIsRefused() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 2)
            for round in 1...10 {
                try await database.makeGroup("g\(round)")
                let rows = [try row(2, 1, 1, 2), try row(3, 2, 2, nil)]
                let loaded = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<2 {
                        group.addTask {
                            do { return try await database.load(rows, group: "g\(round)").count } catch is PriceListRefusal { return 0 }
                        }
                    }
                    return try await group.reduce(0, +)
                }
                #expect(loaded == 2)
                #expect(try await database.prices(group: "g\(round)").map(\.state) == [.future, .future])
            }
        }

        @Test func aRehearsalShowsWhatTheListWillChangeAndChangesNothing() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.makeGroup("vip")
            try await database.set(.perCall(70), for: .generate(.large), from: hour(0), group: "vip")
            let terms = try PriceTerms(rule: .perSecond, amount: Credits(micro: 3), unitsMax: 20)
            let rows = [
                PriceRow(line: 2, scope: .generate(), terms: terms, from: hour(1), until: hour(4)), try row(3, 9, 4, nil),
            ]
            let before = try await database.rows("select p::text from prices p order by id")
            let changes = try #require(
                try await PriceLists().rehearse(rows, group: "vip", by: testAuthor, in: database.pool))
            #expect(try await database.rows("select p::text from prices p order by id") == before)
            // The price for every size does not reach the large ones, which have their own.
            #expect(changes.map(\.request.tier) == [.large, .standard, .large, .standard])
            #expect(changes.map(\.request.at) == [hour(1), hour(1), hour(4), hour(4)])
            #expect(changes.map(\.before?.reserved.micro) == [70, 26_000, 70, 26_000])
            #expect(changes.map(\.before?.group) == ["vip", "default", "vip", "default"])
            #expect(changes.map(\.after?.reserved.micro) == [70, 60, 70, 9])
            #expect(changes.map(\.after?.terms.rule) == [.perCall, .perSecond, .perCall, .perCall])
            try await database.load(rows, group: "vip")
            let real = try await PriceLists().quotes(changes.map(\.request), group: "vip", in: database.pool)
            #expect(real.map(\.?.reserved) == changes.map(\.after?.reserved))
            #expect(real.map(\.?.from) == changes.map(\.after?.from))
            #expect(try await PriceLists().rehearse(rows, group: "nobody", by: testAuthor, in: database.pool) == nil)
            // What could not be loaded cannot be rehearsed.
            await #expect(throws: PriceListRefusal.self) {
                try await PriceLists().rehearse(rows, group: "vip", by: testAuthor, in: database.pool)
            }
        }
    }
}
