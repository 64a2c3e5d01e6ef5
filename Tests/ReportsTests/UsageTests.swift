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

        @Test func aPeriodHasItsFirstMomentAndNotItsLast() async throws {
            let scene = try await Scene.make()
            let seconds = try await scene.database.number(
                "select extract(epoch from date_trunc('hour', now()))::bigint")
            try await scene.database.rows("update usage_facts set at = to_timestamp(\(seconds))")
            let moment = Date(timeIntervalSince1970: TimeInterval(seconds))
            let format = Date.ISO8601FormatStyle(timeZone: .gmt)
            let day = String(moment.formatted(format).prefix(10))
            let hour = day + " " + String(moment.formatted(format).dropFirst(11).prefix(2)) + ":00"
            #expect(try await usage(scene) { $0.from = moment } == [day: all])
            #expect(try await usage(scene) { $0.to = moment }.isEmpty)
            #expect(
                try await usage(scene) {
                    ($0.by, $0.from, $0.to) = (.hour, moment, moment.addingTimeInterval(0.001))
                } == [hour: all])
            #expect(try await usage(scene) { $0.from = moment.addingTimeInterval(0.001) }.isEmpty)
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
