import Domain
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Monthly statements, through the real program.
    @Suite struct StatementCommandTests {
        private func month(_ site: Site, _ offset: Int = 0) async throws -> String {
            try #require(
                try await site.rows("select to_char(now() at time zone 'UTC' + interval '\(offset) month', 'YYYY-MM')")[0][0])
        }

        /// A grant of 1 credit, and three jobs of 0.026.
        private func work(_ site: Site) async throws {
            try await site.makeAccount("acme", credits: "1")
            try await site.makeAccount("other", credits: "5")
            let key = try await site.issueKey("acme")
            let node = try await Node.start(site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
            for _ in 0..<3 { _ = try await node.submit(key).taskID() }
            try await site.allEnded()
            #expect(await node.stop() == .exited(0))
        }

        @Test func aStatementIsTextJSONCSVAndAPage() async throws {
            try await Site.with { site in
                try await work(site)
                let line = "statement --account acme --month \(try await month(site))"
                let text = try await site.mustRun(line).output
                for words in [
                    "Opening balance", "Credits granted", "Completed jobs", "Balance so far", "z-image-turbo", "0.922",
                ] {
                    #expect(text.contains(words), "\(words): \(text)")
                }
                let answer = try await site.mustRun("\(line) --json").object()
                #expect((answer["opening"] as? [String: String])?["balance"] == "0")
                #expect((answer["closing"] as? [String: String])?["balance"] == "0.922")
                #expect(answer["settled_credits"] as? String == "0.078" && answer["settled_count"] as? Int == 3)
                #expect(answer["final"] as? Bool == false)
                try expectAdditive(try await site.mustRun("\(line) --csv").output)

                let page = try await site.mustRun("\(line) --html").output
                #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("0.922") && page.contains("size: A4"))
                for outside in ["http:", "https:", "src=", "href=", "url(", "@import", "<script"] {
                    #expect(!page.contains(outside), "\(outside)")
                }
                #expect(!page.contains("{{"), "every field is filled")
                let file = "\(site.folder)/statement.html"
                try await site.mustRun("\(line) --html --output \(file)")
                let written = try String(contentsOfFile: file, encoding: .utf8)
                #expect(written.count(where: \.isNewline) == page.count(where: \.isNewline))
                try await site.mustRun("\(line) --csv --output \(file)")
                #expect(
                    try String(contentsOfFile: file, encoding: .utf8).hasPrefix("row,kind,day,"),
                    "a file that is there is replaced")
                let next = try await site.mustRun("statement --account other --month \(try await month(site)) --json").object()
                #expect((next["closing"] as? [String: String])?["balance"] == "5", "nothing of others")
            }
        }

        @Test func everyTextOfThePageIsEscaped() async throws {
            try await Site.with { site in
                try await work(site)
                // Names that the database would refuse; the page must not rely on that.
                _ = try await site.rows(
                    """
                    alter table models drop constraint models_name_check;
                    alter table user_groups drop constraint user_groups_name_check;
                    alter table accounts drop constraint accounts_name_check;
                    update models set name = '<script>model&"';
                    update user_groups set name = '<script>group';
                    update accounts set name = '<script>account' where name = 'acme'
                    """)
                let month = try await month(site)
                let page = try await site.run(
                    "zadmin", ["statement", "--account", "<script>account", "--month", month, "--html"])
                #expect(page.isSuccess && !page.output.contains("<script"), "\(page.error)")
                for text in ["model&amp;&quot;", "group", "account"] {
                    #expect(page.output.contains("&lt;script&gt;\(text)"), "\(text)")
                }
            }
        }

        /// Opening and movements add up to closing, column by column.
        private func expectAdditive(_ text: String) throws {
            var reader = CSVReader()
            var rows: [[String]] = []
            try reader.read(Array(text.utf8)) { rows.append($0.fields) }
            try reader.finish { rows.append($0.fields) }
            let head = rows.removeFirst()
            #expect(head == ["row", "kind", "day", "model", "count", "available", "reserved", "balance"])
            for column in 5...7 {
                func sum(_ word: String) throws -> Int64 {
                    try rows.filter { $0[0] == word }.reduce(0) { sum, row in
                        let credits = try Credits(decimal: String(row[column].drop { $0 == "-" })).micro
                        return sum + (row[column].hasPrefix("-") ? -credits : credits)
                    }
                }
                #expect(try sum("opening") + sum("movement") == sum("closing"), "\(head[column])")
            }
            #expect(rows.filter { $0[1] == "settle" }.map { $0[3] + $0[4] + $0[7] } == ["z-image-turbo3-0.078"])
        }

        @Test func wrongArgumentsAreRefused() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let refused = AdminTests()
                let month = try await month(site)
                let table = [
                    ("--account nobody --month \(month)", "zadmin account list"),
                    ("--account acme --month November", "2026-11"),
                    ("--account acme --month 2026-13", "2026-11"), ("--account acme --month 2099-01", "has not begun"),
                    ("--account acme --month \(month) --csv --html", "choose one"),
                    ("--account acme --month \(month) --csv --json", "choose one"),
                    ("--account acme --month \(month) --output \(site.folder)", "cannot be written"),
                    ("--account acme --month \(month) --output \(site.folder)/none/x.html", "cannot be written"),
                    ("--account acme", "--month"), ("--month \(month)", "--account"),
                ]
                for (line, advice) in table {
                    try refused.expectRefusal(try await site.zadmin("statement \(line)"), line: line, advice: advice)
                }
                _ = try await site.rows(
                    "update wallets set available = available + 1, granted = granted + 1 where mode = 'live'")
                let broken = "statement --account acme --month \(month)"
                try refused.expectRefusal(try await site.zadmin(broken), line: broken, advice: "run `zadmin reconcile ledger`")
            }
        }
    }
}
