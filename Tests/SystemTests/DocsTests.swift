import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// What `/openapi.json` and `/docs` say, against a real server.
    @Suite struct DocsTests {
        /// Schemathesis sends what the document permits and what it forbids, and compares every answer with it.
        @Test(arguments: [true, false]) func theServerDoesWhatTheDocumentSays(hasKey: Bool) async throws {
            try await Site.with { site in
                try await site.mustRun("account create acme --group default")
                let key = try await site.issueKey("acme", "--test")
                let node = try await Node.start(site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
                let outcome = try await RealClients.run(
                    "api_schema.py", ["http://127.0.0.1:\(node.port)", site.folder] + (hasKey ? [key] : []), in: site)
                #expect(outcome.isSuccess, "\(outcome.output)\(outcome.error)")
                let counts = try #require(outcome.output.firstMatch(of: /(\d+) generated, (\d+) passed/), "\(outcome.output)")
                #expect(counts.output.1 == counts.output.2 && counts.output.1.count >= 4, "more than a thousand, and all passed")
                let count = try await site.number("select count(*) from tasks")
                #expect(hasKey ? count > 0 : count == 0)
                try await site.allEnded()
                try await site.expectCleanLedger()
                #expect(await node.stop() == .exited(0))
            }
        }

        /// Whoever copies an example from the page gets what it promises.
        @Test func everyExampleOfThePageWorks() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "5")
                let key = try await site.issueKey("acme")
                let code = try #require(
                    try await site.mustRun("credits code create --amount 1").output.firstMatch(of: /ZC(-[0-9A-Z]{5}){4}/)?.output.0)
                // Longer than it takes to order and cancel.
                let node = try await Node.start(site, settings: ["ZIMAGE_SANDBOX_SECONDS": "1"])
                let page = try await node.send("GET", "/docs")
                #expect(page.status == 200)
                let examples = Self.examples(page.text)
                #expect(examples.count > 25)
                let folder = try Self.strictCurl(in: site)
                for (index, example) in examples.enumerated() {
                    let output = "\(site.folder)/example-\(index)"
                    let shell = try Child(
                        "/bin/bash", ["-euo", "pipefail", "-c", "cd \(site.folder)\n\(example)"],
                        environment: ["PATH": "\(folder):/usr/bin:/bin", "ZIMAGE_KEY": key, "ZIMAGE_CODE": String(code)],
                        outputPath: "\(output).out", errorPath: "\(output).err")
                    let ending = await shell.ending()
                    let said = try ["out", "err"].map { try String(contentsOfFile: "\(output).\($0)", encoding: .utf8) }
                    #expect(ending == .exited(0), "\(example)\n\(said.joined())")
                }
                for name in ["cat.png", "openapi.json", "docs.html"] {
                    #expect(try Data(contentsOf: URL(fileURLWithPath: "\(site.folder)/\(name)")).count > 1000, "\(name)")
                }
                try await site.allEnded()
                #expect(try await site.number("select count(*) from tasks where state = 'failed'") == 0)
                #expect(try await site.number("select count(*) from tasks where state = 'cancelled'") == 1)
                try await site.expectCleanLedger()
                #expect(await node.stop() == .exited(0))
            }
        }

        /// The commands that the page shows.
        private static func examples(_ page: String) -> [String] {
            page.matches(of: /class="curl"><code>([^<]*)<\/code>/).map { match in
                [("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")].reduce(String(match.output.1)) {
                    $0.replacing($1.0, with: $1.1)
                }
            }
        }

        /// A folder with a `curl` that fails for every status that is no success.
        private static func strictCurl(in site: Site) throws -> String {
            let folder = "\(site.folder)/strict"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            try "#!/bin/sh\nexec /usr/bin/curl --fail-with-body -sS \"$@\"\n".write(
                toFile: "\(folder)/curl", atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(folder)/curl")
            return folder
        }
    }
}
