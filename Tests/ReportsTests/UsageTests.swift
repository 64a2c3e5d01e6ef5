import Domain
import Foundation
import Postgres
import Reports
import TestSupport
import Testing

extension ReportsSuites {
    @Suite struct UsageTests {
        /// A line without its label: submitted, completed, failed, cancelled, and the sums reserved, settled, refunded.
        private func numbers(_ line: UsageLine) -> [Int64] {
            [line.submitted, line.completed, line.failed, line.cancelled, line.reserved.micro, line.settled.micro,
             line.refunded.micro]
        }

        private func usage(_ scene: Scene, _ change: (inout UsageQuery) -> Void) async throws -> [String: [Int64]] {
            var query = UsageQuery()
            change(&query)
            let lines = try await ReportBook().usage(query, in: scene.database.pool)
            #expect(lines.map(\.label) == lines.map(\.label).sorted())
            return Dictionary(uniqueKeysWithValues: lines.map { ($0.label, numbers($0)) })
        }

        /// All live usage of the scene. Reserved: 4 x 26,000 and 2 x 50,000. Settled: 26,000, 20 and 50 seconds.
        private let all: [Int64] = [6, 3, 1, 0, 204_000, 96_000, 56_000]

        @Test(arguments: UsageQuery.Dimension.allCases)
        func everyDimensionAddsUpToTheSameTotal(by: UsageQuery.Dimension) async throws {
            let scene = try await Scene.make()
            var query = UsageQuery()
            query.by = by
            let lines = try await ReportBook().usage(query, in: scene.database.pool)
            #expect(!lines.isEmpty)
            #expect(numbers(UsageLine.total(lines)) == all)
            let settled = try await scene.database.number(
                "select sum(settled)::bigint from wallets where mode = 'live'")
            #expect(UsageLine.total(lines).settled.micro == settled)
        }

        @Test func theLinesOfADimensionAreItsValues() async throws {
            let scene = try await Scene.make()
            #expect(
                try await usage(scene) { $0.by = .account } == [
                    "acme": [4, 2, 1, 0, 128_000, 46_000, 56_000], "beta": [2, 1, 0, 0, 76_000, 50_000, 0],
                ])
            #expect(
                try await usage(scene) { $0.by = .group } == [
                    "default": [4, 2, 1, 0, 128_000, 46_000, 56_000], "vip": [2, 1, 0, 0, 76_000, 50_000, 0],
                ])
            #expect(
                try await usage(scene) { $0.by = .key } == [
                    "\(scene.acme.keyID)": [3, 2, 0, 0, 102_000, 46_000, 30_000],
                    "\(scene.second.keyID)": [1, 0, 1, 0, 26_000, 0, 26_000],
                    "\(scene.beta.keyID)": [2, 1, 0, 0, 76_000, 50_000, 0],
                ])
            #expect(
                try await usage(scene) { $0.by = .model } == [
                    "z-image-turbo": [4, 1, 1, 0, 104_000, 26_000, 26_000],
                    "other": [2, 2, 0, 0, 100_000, 70_000, 30_000],
                ])
            #expect(
                try await usage(scene) { $0.by = .provider } == [
                    "-": [6, 0, 0, 0, 204_000, 0, 0], "novita": [0, 2, 0, 0, 0, 70_000, 30_000],
                    "sandbox": [0, 1, 1, 0, 0, 26_000, 26_000],
                ])
        }

        @Test func aReportIsNarrowedByWhatTheQueryNames() async throws {
            let scene = try await Scene.make()
            func total(_ change: (inout UsageQuery) -> Void) async throws -> [Int64] {
                let lines = try await usage(scene) {
                    $0.by = .day
                    change(&$0)
                }
                return lines.values.reduce(into: Array(repeating: 0, count: 7)) { sum, line in
                    for place in sum.indices { sum[place] += line[place] }
                }
            }
            #expect(try await total { $0.group = "vip" } == [2, 1, 0, 0, 76_000, 50_000, 0])
            #expect(try await total { $0.account = "acme" } == [4, 2, 1, 0, 128_000, 46_000, 56_000])
            #expect(try await total { $0.keyID = scene.second.keyID } == [1, 0, 1, 0, 26_000, 0, 26_000])
            #expect(try await total { $0.model = "other" } == [2, 2, 0, 0, 100_000, 70_000, 30_000])
            #expect(try await total { ($0.account, $0.model) = ("beta", "other") } == [1, 1, 0, 0, 50_000, 50_000, 0])
            #expect(try await total { ($0.group, $0.account) = ("vip", "acme") } == Array(repeating: 0, count: 7))
            #expect(try await total { $0.mode = .test } == [1, 1, 0, 0, 26_000, 26_000, 0])
        }

        /// Whatever is asked, the report is the sum over the facts, also where only a part of them is folded.
        @Test func aReportIsTheSumOfItsFacts() async throws {
            let seed = TestSeed.value
            var random = SeededGenerator(state: seed)
            let sample = try await UsageSample.make()
            var rows = 0
            for number in 0..<140 {
                var query = UsageQuery()
                query.by = UsageQuery.Dimension.allCases[number % UsageQuery.Dimension.allCases.count]
                query.mode = Int.random(in: 0..<5, using: &random) == 0 ? .test : .live
                func sometimes<Value>(_ values: [Value], _ random: inout SeededGenerator) -> Value? {
                    Int.random(in: 0..<4, using: &random) == 0 ? values.randomElement(using: &random) : nil
                }
                query.group = sometimes(["default", "vip"], &random)
                query.account = sometimes(sample.accounts, &random)
                query.keyID = sometimes(sample.keys, &random)
                query.model = sometimes(["z-image-turbo", "other"], &random)
                let unit = number % 2 == 0 ? 3600.0 : 86_400
                let reach = Int(4 * 86_400 / unit)
                let hours = [Int.random(in: -reach..<0, using: &random), Int.random(in: 0...reach, using: &random)]
                query.from = sometimes([sample.middle.addingTimeInterval(Double(hours[0]) * unit)], &random)
                query.to = sometimes([sample.middle.addingTimeInterval(Double(hours[1]) * unit)], &random)
                let lines = try await ReportBook().usage(query, in: sample.database.pool)
                let found = Dictionary(uniqueKeysWithValues: lines.map { ($0.label, UsageSample.Sums($0)) })
                try #require(found == sample.expected(query), "seed \(seed): \(query)")
                rows += lines.count
            }
            #expect(rows > 500, "seed \(seed)")
        }

        @Test func aPeriodHasItsFirstMomentAndNotItsLast() async throws {
            let scene = try await Scene.make()
            let seconds = try await scene.database.number(
                "select extract(epoch from date_trunc('day', now()))::bigint")
            try await scene.database.rows("update usage_facts set at = to_timestamp(\(seconds))")
            let moment = Date(timeIntervalSince1970: TimeInterval(seconds))
            let day = String(moment.formatted(.iso8601).prefix(10))
            for _ in 0..<2 {
                for unit in [3600.0, 86_400] {
                    #expect(try await usage(scene) { $0.from = moment } == [day: all])
                    #expect(try await usage(scene) { $0.to = moment }.isEmpty)
                    let next = moment.addingTimeInterval(unit)
                    #expect(
                        try await usage(scene) { ($0.by, $0.from, $0.to) = (.hour, moment, next) } == ["\(day) 00:00": all])
                    #expect(try await usage(scene) { ($0.from, $0.to) = (moment, next) } == [day: all])
                    #expect(try await usage(scene) { $0.from = next }.isEmpty)
                }
                // And the same from the rollups.
                try await scene.database.foldUsage()
            }
        }

        @Test func aPeriodThatCannotBeAnsweredExactlyIsRefused() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            func refusal(_ from: Double?, _ to: Double?) async -> ReportError? {
                var query = UsageQuery()
                query.from = from.map(Date.init(timeIntervalSince1970:))
                query.to = to.map(Date.init(timeIntervalSince1970:))
                return await #expect(throws: ReportError.self) { try await ReportBook().usage(query, in: database.pool) }
            }
            let between = await refusal(5400, nil)
            #expect(between == .notFullHour(Date(timeIntervalSince1970: 5400)))
            #expect(between?.description.contains("1970-01-01T01:00:00Z or 1970-01-01T02:00:00Z") == true)
            #expect(await refusal(nil, 3600.001) == .notFullHour(Date(timeIntervalSince1970: 3600.001)))
            #expect(await refusal(nil, -1) == .notFullHour(Date(timeIntervalSince1970: -1)))
            for (from, to) in [(7200.0, 3600.0), (3600, 3600)] {
                let empty = await refusal(from, to)
                #expect(
                    empty == .emptyPeriod(from: Date(timeIntervalSince1970: from), to: Date(timeIntervalSince1970: to)))
                #expect(empty?.description.contains("--to is the first moment after it") == true)
            }
        }

        @Test func costsStandBesideEachOtherByCurrency() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            func facts(_ currency: String, _ cost: Int64) async throws {
                try await database.rows(
                    """
                    insert into usage_facts (at, event, mode, group_id, model_id, account_id, key_id, cost, currency)
                    values (now(), 'completed', 'live', 1, 1, 1, 1, \(cost), \(currency))
                    """)
            }
            for (currency, cost) in [("'USD'", 3), ("'EUR'", 5), ("'USD'", 4), ("'GBP'", 0), ("null", 0)] as [(String, Int64)] {
                try await facts(currency, cost)
            }
            let lines = try await ReportBook().usage(UsageQuery(), in: database.pool)
            #expect(lines.map(\.completed) == [5])
            #expect(
                lines.first?.costs == [ProviderCost(micro: 5, currency: "EUR"), ProviderCost(micro: 7, currency: "USD")])
        }

        @Test func aKeyThatIsNotThereIsAnError() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            var query = UsageQuery()
            query.keyID = 4242
            await #expect(throws: ReportError.unknown(kind: "key", name: "4242")) {
                try await ReportBook().usage(query, in: database.pool)
            }
        }

        /// The sum over a part of the rows would pass for the total.
        @Test func aReportOfTooManyRowsIsRefused() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.rows(
                """
                insert into usage_facts (at, event, mode, group_id, model_id, account_id, key_id)
                select now(), 'submitted', 'live', 1, 1, 1, n from generate_series(1, 100001) n
                """)
            var query = UsageQuery()
            query.by = .key
            await #expect(throws: ReportError.tooManyRows(100_000)) {
                try await ReportBook().usage(query, in: database.pool)
            }
            try await database.rows("delete from usage_facts where key_id = 1")
            let lines = try await ReportBook().usage(query, in: database.pool)
            #expect(lines.count == 100_000 && lines.first?.label == "2" && lines.last?.label == "100001")
        }

        @Test(arguments: [
            ("group", \UsageQuery.group), ("account", \UsageQuery.account), ("model", \UsageQuery.model),
        ] as [(String, any WritableKeyPath<UsageQuery, String?> & Sendable)])
        func aNameThatIsNotThereIsAnErrorAndNotAnEmptyReport(
            kind: String, field: any WritableKeyPath<UsageQuery, String?> & Sendable
        ) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            var query = UsageQuery()
            query[keyPath: field] = "no-such"
            let error = await #expect(throws: ReportError.self) {
                try await ReportBook().usage(query, in: database.pool)
            }
            #expect(error.map { "\($0)" }?.hasPrefix("there is no \(kind) 'no-such'") == true)
        }

        @Test func beforeAnyUseAReportIsEmpty() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            #expect(try await ReportBook().usage(UsageQuery(), in: database.pool).isEmpty)
            #expect(numbers(UsageLine.total([])) == Array(repeating: 0, count: 7))
        }
    }
}
