import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Invoices of providers, through the real program.
    @Suite struct InvoiceTests {
        private static let period = "--from 2026-11-01 --to 2026-12-01"
        private static let columns = "--map id=task_id,amount=cost,time=created_at"

        /// Runs the generator that measurements use as well: attempts into the database, the invoice into a file.
        private func generate(_ site: Site, lines: Int, faults: Int) async throws -> (invoice: String, planted: [String]) {
            let (invoice, planted) = ("\(site.folder)/invoice.csv", "\(site.folder)/planted.csv")
            let psql = try Child(
                "psql",
                [site.url, "-qXAt", "-v", "lines=\(lines)", "-v", "faults=\(faults)", "-v", "provider=acme"]
                    + ["-v", "planted=\(planted)", "-f", "\(RepositoryPaths.root)/Tests/Generators/invoice.sql"],
                outputPath: invoice, errorPath: "\(site.folder)/psql.err")
            guard await psql.ending() == .exited(0) else {
                throw TestFailure("psql: \(try String(contentsOfFile: "\(site.folder)/psql.err", encoding: .utf8))")
            }
            let rows = try String(contentsOfFile: planted, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(rows.count == 5 * faults)
            return (invoice, rows.sorted())
        }

        private func found(_ answer: [String: Any]) throws -> [String] {
            try #require(answer["findings"] as? [[String: Any]]).map { finding in
                "\(finding["kind"] as? String ?? ""),\(finding["provider_task"] as? String ?? "")"
            }.sorted()
        }

        @Test func plantedFaultsAreFoundExactlyAndShownAgain() async throws {
            try await Site.with { site in
                let (invoice, planted) = try await generate(site, lines: 20_000, faults: 20)
                let line = "reconcile provider acme --invoice \(invoice) \(Self.period) \(Self.columns) --json"
                let first = try await site.zadmin(line)
                #expect(first.ending == .exited(1), "something is off: \(first.error)")
                let answer = try first.object()
                #expect(try found(answer) == planted)
                #expect(answer["lines"] as? Int == 20_000 && answer["agreed"] as? Int == 20_000 - 80)
                #expect(answer["clean"] as? Bool == false && answer["seen_before"] as? Bool == false)
                let counts = try #require(answer["counts"] as? [String: Int])
                #expect(
                    counts == [
                        "billed_unknown": 20, "not_billed": 20, "price_drift": 20, "duplicate": 20, "other_currency": 20,
                        "other_period": 0,
                    ])
                let run = try #require(answer["run"] as? Int)

                for again in ["reconcile show", "reconcile show \(run)"] {
                    let shown = try await site.zadmin("\(again) --json")
                    #expect(shown.ending == .exited(1) && shown.output == first.output)
                }
                let second = try await site.zadmin(line)
                let repeated = try second.object()
                #expect(repeated["run"] as? Int == run && repeated["seen_before"] as? Bool == true)
                #expect(repeated["times_compared"] as? Int == 2)
                #expect(try found(repeated) == planted)
                #expect(try await site.number("select count(*) from invoice_runs") == 1)
                #expect(try await site.number("select count(*) from invoice_findings") == 100)
                let text = try await site.zadmin("reconcile show")
                #expect(
                    text.ending == .exited(1) && text.output.contains("compared before")
                        && text.output.contains("100 things are off"))
                let list = try await site.zadmin("reconcile list --json")
                #expect(list.isSuccess)
                let runs = try #require(try list.json() as? [[String: Any]])
                #expect(runs.map { $0["off"] as? Int } == [100] && runs.map { $0["file"] as? String } == ["invoice.csv"])
                try await site.expectCleanLedger()
            }
        }

        @Test func acleanInvoiceEndsWithZero() async throws {
            try await Site.with { site in
                try await attempts(site, ("a", 4200), ("b", 4250))
                let file = try write(
                    site,
                    "task_id,amount,created_at,status\na,42,2026-11-03 12:00:00,TASK_STATUS_SUCCEED\n"
                        + "b,43,2026-11-03 12:00:00,TASK_STATUS_SUCCEED\nc,0,2026-11-03 12:00:00,TASK_STATUS_FAILED\n")
                let outcome = try await site.zadmin("reconcile provider acme --invoice \(file) \(Self.period) --kind novita")
                #expect(outcome.isSuccess, "\(outcome.error)\(outcome.output)")
                #expect(outcome.output.contains("2 lines and 1 that bill nothing"))
                #expect(outcome.output.contains("The invoice agrees with what was done."))
                #expect(try await site.zadmin("reconcile show").isSuccess)
                // The period's dates are days of the invoice's zone.
                let shanghai = try await site.zadmin(
                    "reconcile provider acme --invoice \(file) \(Self.period) --kind novita --time-zone Asia/Shanghai --json"
                ).object()
                #expect(
                    shanghai["from"] as? String == "2026-10-31T16:00:00Z"
                        && shanghai["to"] as? String == "2026-11-30T16:00:00Z")
                let moments = try await site.zadmin(
                    "reconcile provider acme --invoice \(file) --from 2026-11-01T00:00:00+08:00 --to 2026-12-01T00:00:00+08:00 "
                        + "--kind novita --json"
                ).object()
                #expect(moments["from"] as? String == "2026-10-31T16:00:00Z")
            }
        }

        @Test func aReconciliationMayDieAtAnyPoint() async throws {
            try await Site.with { site in
                try await attempts(site, ("a", 4200))
                let line = "reconcile provider acme --invoice \(try write(site, "id,amount,currency\na,0.0042,USD\n")) "
                    + "\(Self.period) --map time="
                let effects = ["begin", "invoice_providers", "invoice_patience", "open_invoice", "close_invoice", "commit"]
                for point in effects.flatMap({ ["before \($0)", "after \($0)"] }) {
                    let dead = try await site.zadmin(line, settings: ["ZIMAGE_CRASH_AT": point])
                    #expect(dead.ending == .killed(bySignal: SIGKILL), "\(point): \(dead)")
                    let kept = point == "after commit" ? 1 : 0
                    #expect(try await site.number("select count(*) from invoice_runs") == kept, "\(point)")
                }
                #expect(try await site.zadmin(line).isSuccess)
                #expect(try await site.number("select times_compared from invoice_runs") == 2)
            }
        }

        @Test func wordsOfFindingsNameOurTask() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let node = try await Node.start(site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
                let id = try await node.submit(key).taskID()
                try await site.allEnded()
                _ = try await site.rows("update attempts set provider_task_id = 'theirs', cost = 4200, currency = 'USD'")
                let file = try write(site, "id,amount,currency\ntheirs,0.005,USD\n\u{1b}[2J,1,USD\n")
                let line = "reconcile provider sandbox --invoice \(file) --map time= --from 2020-01-01 --to 2100-01-01"
                let outcome = try await site.zadmin(line)
                #expect(outcome.ending == .exited(1) && outcome.output.contains(id), "\(outcome.output)\(outcome.error)")
                #expect(!outcome.output.contains("\u{1b}"), "ids from outside do nothing to a terminal")
                #expect(try await site.zadmin("\(line) --json").object()["findings"] as? [[String: Any]] != nil)
                let findings = try #require(
                    try await site.zadmin("reconcile show --json").object()["findings"] as? [[String: Any]])
                let drift = try #require(findings.first { $0["kind"] as? String == "price_drift" })
                #expect(
                    drift["task"] as? String == id && drift["billed"] as? String == "0.005"
                        && drift["expected"] as? String == "0.0042")
            }
        }

        @Test func badInputIsRefusedAndChangesNothing() async throws {
            let head = "id,amount,currency,time\n"
            let good = head + "a,0.0042,USD,2026-11-03\n"
            let table: [(file: String?, options: String, advice: String)] = [
                ("", "", "the file is empty"), (head, "", "no line below"),
                ("id,amount\na,1\n", "", "no column 'currency' for the currency: it has 'id' and 'amount'"),
                (good, "--map amount=price", "no column 'price' for the amount: it has 'id', 'amount', 'currency' and 'time'"),
                (good + "\"b,1,USD,2026-11-03\n", "", "line 3: a quote opens here"),
                (good + "b,1,USD\n", "", "line 3 has 3 fields"),
                (good + "b,1.2.3,USD,2026-11-03", "", "line 3, column 'amount': '1.2.3' is not an amount"),
                (good + "b,1,USD,31.11.2026", "", "line 3, column 'time': '31.11.2026' is not a time"),
                (good + "b,1,dollars,2026-11-03", "", "line 3, column 'currency'"),
                (good, "--units 10000", "say --units 1"), (good, "--kind acme", "novita"), (good, "--map id", "FIELD=COLUMN"),
                (good, "--map currency=", "--currency USD"), (good, "--currency usd", "three capital letters"),
                (good, "--time-zone Mars/Base", "Asia/Shanghai"), (good, "--rounding 9", "0 to 6"),
                (good, "--rounding -1", "0 to 6"),
                (nil, "", "there is no file"),
            ]
            try await Site.with { site in
                try await attempts(site, ("a", 4200))
                let refused = AdminTests()
                func expect(_ line: String, _ advice: String) async throws {
                    try refused.expectRefusal(try await site.zadmin(line), line: line, advice: advice)
                    #expect(try await site.number("select count(*) from invoice_runs") == 0, "\(line)")
                }
                for (text, options, advice) in table {
                    let file = try text.map { try write(site, $0) } ?? "\(site.folder)/none.csv"
                    try await expect("reconcile provider acme --invoice \(file) \(Self.period) \(options)", advice)
                }
                let file = try write(site, good)
                let latin = "\(site.folder)/latin.csv"
                try Data(Array((head + "caf").utf8) + [0xe9] + Array(",1,USD,2026-11-03".utf8)).write(
                    to: URL(fileURLWithPath: latin))
                for (line, advice) in [
                    ("acme --invoice \(latin) \(Self.period)", "line 2, byte 5 is not UTF-8 text (0x2C)"),
                    ("acme --invoice \(site.folder) \(Self.period)", "is a folder"),
                    ("nobody --invoice \(file) \(Self.period)", "there were jobs at 'acme'"),
                    ("acme --invoice \(file) --from 2026-12-01 --to 2026-11-01", "is not before"),
                    ("acme --invoice \(file) --from 2026-11-01 --to 2026-11-01", "is not before"),
                    ("acme --invoice \(file) --from soon --to 2026-11-01", "2026-12-31"),
                ] { try await expect("reconcile provider \(line)", advice) }
                try await expect("reconcile show", "no invoice was compared yet")
                try await expect("reconcile show 7", "zadmin reconcile list")
                #expect(
                    try await site.zadmin("reconcile provider acme --invoice \(file) \(Self.period)").isSuccess,
                    "the good one is")
            }
        }

        private func write(_ site: Site, _ text: String) throws -> String {
            let path = "\(site.folder)/\(UUID().uuidString).csv"
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            return path
        }

        private func attempts(_ site: Site, _ attempts: (id: String, cost: Int)...) async throws {
            for (index, attempt) in attempts.enumerated() {
                _ = try await site.rows(
                    """
                    insert into attempts (task_id, number, lease, node, provider, provider_task_id, cost, currency, outcome,
                        started_at, ended_at)
                    values (\(index + 1), 1, \(index + 1), 'node', 'acme', '\(attempt.id)', \(attempt.cost), 'USD', 'completed',
                        '2026-11-03 11:59:00Z', '2026-11-03 12:00:00Z')
                    """)
            }
        }
    }
}
