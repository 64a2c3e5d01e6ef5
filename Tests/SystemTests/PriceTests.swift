import Domain
import Foundation
import TestSupport
import Testing

extension SystemTests {
    @Suite struct PriceTests {
        private static let header = "model,operation,size_tier,rule,amount,units_max,from,until"

        private func prices(_ site: Site) async throws -> [[String?]] {
            try await site.rows("select p::text from prices p order by id")
        }

        private func file(_ site: Site, _ lines: [String]) throws -> String {
            let path = "\(site.folder)/list.csv"
            try lines.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
            return path
        }

        @Test func aWrongListIsRefusedWholeWithItsLines() async throws {
            let table: [(lines: [String], advice: [String])] = [
                ([], ["line 1: the first line must be \(Self.header)"]),
                (["z-image-turbo,generate,,per_cat,0.02,,2090-01-01,"], ["line 2, column rule: 'per_cat'"]),
                (["z-image-turbo,generate,,per_call,0.02,,2090-02-30,"], ["line 2, column from: '2090-02-30' is not a date"]),
                (["nothing,generate,,per_call,0.02,,2090-01-01,"], ["line 2: there is no model 'nothing'"]),
                (["z-image-turbo,generate,,per_call,0.02,,2020-01-01,"], ["line 2: 2020-01-01T00:00:00Z has passed"]),
                (
                    [
                        "z-image-turbo,generate,,per_call,0.02,,2090-01-01,2090-02-01",
                        "z-image-turbo,generate,,per_call,0.03,,2090-03-01,",
                    ], ["line 3: there is a gap after line 2 from 2090-02-01T00:00:00Z until 2090-03-01T00:00:00Z"]
                ),
                (
                    [
                        "z-image-turbo,edit,,per_call,0.02,,2090-01-01,2090-03-01",
                        "z-image-turbo,edit,,per_call,0.03,,2090-02-01,2091-01-01",
                    ],
                    [
                        "line 3: it overlaps line 2 from 2090-02-01T00:00:00Z until 2090-03-01T00:00:00Z",
                        "line 3: there is a gap from 2091-01-01T00:00:00Z on",
                    ]
                ),
                (
                    ["z-image-turbo,inpaint,,per_call,0.02,,2090-01-01,"],
                    ["line 2: it overlaps version 4, which is set from 2095-01-01T00:00:00Z: `zadmin price withdraw 4` first"]
                ),
            ]
            try await Site.with { site in
                try await site.mustRun(
                    "price set --group default --model z-image-turbo --operation inpaint --amount 1 --from 2095-01-01")
                let before = try await prices(site)
                for (lines, advice) in table {
                    let path = try file(site, lines.isEmpty ? ["nonsense"] : [Self.header] + lines)
                    for option in ["", "--dry-run"] {
                        let outcome = try await site.zadmin("price load \(path) --group default \(option)")
                        #expect(outcome.ending == .exited(1) && outcome.output.isEmpty, "\(lines)")
                        let said = outcome.error.split(separator: "\n")
                        #expect(said.first == "Error: \(path) was not loaded, and nothing was changed:", "\(outcome.error)")
                        #expect(said.dropFirst().count == advice.count, "\(outcome.error)")
                        for (line, part) in zip(said.dropFirst(), advice) { #expect(line.hasPrefix(part), "\(outcome.error)") }
                    }
                }
                let good = try file(site, [Self.header, "z-image-turbo,generate,,per_call,0.02,,2090-01-01,"])
                for (line, advice) in [
                    ("price load \(good) --group nobody", "zadmin group list"),
                    ("price load \(site.folder)/missing.csv --group default", "cannot be read"),
                    ("price load \(site.folder) --group default", "cannot be read"),
                    ("price load /dev/zero --group default", "larger than 1 MiB"),
                    ("price load \(good) --group default --reason \(String(repeating: "r", count: 501))", "500"),
                ] {
                    let outcome = try await site.zadmin(line)
                    #expect(outcome.ending == .exited(1) && outcome.error.contains(advice), "\(line): \(outcome.error)")
                }
                #expect(try await prices(site) == before)
                #expect(try await site.number("select count(*) from audit_log where command = 'price load'") == 0)
            }
        }

        @Test func aListIsRehearsedLoadedOnceAndCanBeTakenBack() async throws {
            try await Site.with { site in
                try await site.mustRun("group create vip")
                try await site.mustRun("account create acme --group vip")
                let path = try file(
                    site,
                    [
                        Self.header, "z-image-turbo,generate,,per_call,0.02,,2090-01-01,2090-07-01",
                        "z-image-turbo,generate,,per_second,0.005,60,2090-07-01,",
                    ])
                let before = try await prices(site)
                let dry = try await site.mustRun("price load \(path) --group vip --dry-run --json").object()
                let quotes = try #require(dry["quotes"] as? [[String: Any]])
                #expect(quotes.map { ($0["before"] as? [String: Any])?["list"] as? String } == Array(repeating: "default", count: 4))
                #expect(
                    quotes.map { ($0["after"] as? [String: Any])?["reserved"] as? String } == ["0.02", "0.02", "0.3", "0.3"])
                let table = try await site.mustRun("price load \(path) --group vip --dry-run").output
                #expect(table.contains("0.026 (default: 0.026 per_call)") && table.contains("Nothing was changed"))
                #expect(try await prices(site) == before)

                let load = "price load \(path) --group vip --reason spring --idempotency-key l1 --json"
                let loaded = try await site.mustRun(load).object()
                let versions = try #require(loaded["versions"] as? [Int])
                #expect(NSDictionary(dictionary: try await site.mustRun(load).object()) == NSDictionary(dictionary: loaded))
                #expect(try await prices(site).count == before.count + 2)
                #expect(try await site.number("select count(*) from audit_log where command = 'price load'") == 1)
                _ = try file(site, [Self.header, "z-image-turbo,generate,,per_call,0.03,,2091-01-01,"])
                let other = try await site.zadmin(load)
                #expect(other.error.contains("use a new key"), "\(other.error)")

                for (options, version, reserved) in [
                    ("--group vip", 1, "0.026"), ("--account acme --at 2090-01-01 --size 16:9", versions[0], "0.02"),
                    ("--group vip --at 2090-07-01T00:00:00Z --size 1536x1536", versions[1], "0.3"),
                ] {
                    let quote = try await site.mustRun("price quote \(options) --model z-image-turbo --json").object()
                    #expect(quote["version"] as? Int == version && quote["reserved"] as? String == reserved, "\(options)")
                }
                let used = try await site.mustRun(
                    "price quote --group vip --model z-image-turbo --at 2091-01-01 --units 7 --json"
                ).object()
                #expect(used["settled"] as? String == "0.035" && used["returned"] as? String == "0.265")

                try await site.mustRun("price withdraw \(versions[1]) --reason mistake")
                let list = try #require(
                    try await site.mustRun("price list --group vip --json").json() as? [[String: Any]])
                #expect(list.map { $0["state"] as? String } == ["withdrawn", "future"])
                #expect(list.map { $0["reason"] as? String } == ["spring", "spring"])
                #expect(list[0]["withdrawn_reason"] as? String == "mistake")
                let then = try #require(
                    try await site.mustRun("price list --group vip --at 2092-01-01 --json").json() as? [[String: Any]])
                #expect(then.map { $0["id"] as? Int } == [versions[0]])
            }
        }

        @Test func wrongArgumentsAreRefusedWithAdvice() async throws {
            try await Site.with { site in
                let set = "price set --group default --model z-image-turbo --amount"
                let before = try await prices(site)
                for (line, advice) in [
                    ("\(set) 1 --from 2020-01-01", "not changed backwards"), ("\(set) 1 --size-tier huge", "standard, large"),
                    ("\(set) 1 --operation draw", "generate, edit, inpaint"), ("\(set) 1 --units-max 5", "1 for per_call"),
                    ("\(set) 1000000000 --rule per_token --units-max 1000000", "lower one"),
                    ("price withdraw 1", "came into force on 2000-01-01"), ("price withdraw 999", "zadmin price list"),
                    ("price withdraw x", "zadmin price withdraw --help"), ("price list --group nobody", "zadmin group list"),
                    ("price list --at yesterday", "2026-12-31"), ("price quote --model z-image-turbo", "--group or --account"),
                    ("price quote --group default --account a --model z-image-turbo", "--group or --account"),
                    ("price quote --group nobody --model z-image-turbo", "zadmin group list"),
                    ("price quote --account nobody --model z-image-turbo", "zadmin account list"),
                    ("price quote --group default --model nothing", "zadmin price list"),
                    ("price quote --group default --model z-image-turbo --size 5", "16:9"),
                    ("price quote --group default --model z-image-turbo --size 0x9", "16:9"),
                    ("price quote --group default --model z-image-turbo --units -1", "0 to"),
                    ("price quote --group default --model z-image-turbo --at 1999-12-31", "zadmin price set"),
                ] {
                    let outcome = try await site.zadmin(line)
                    #expect(!outcome.isSuccess && outcome.output.isEmpty && outcome.error.contains(advice), "\(line): \(outcome.error)")
                    #expect(outcome.error.hasPrefix("Error: "), "\(line): \(outcome.error)")
                }
                #expect(try await prices(site) == before)
            }
        }
    }
}
