import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// The official client of OpenAI against a real server.
    @Suite struct OpenAITests {
        private static let picture = TestPictures.png(width: 512, height: 512, 30, 90, 200)
        /// Its left half is transparent: there the picture is edited.
        private static let mask = TestPictures.png(
            width: 512, height: 512, bands: 4, (0..<512).flatMap { _ in (0..<512).flatMap { [0, 0, 0, $0 < 256 ? 0 : 255] as [UInt8] } })

        @Test func generateEditStreamAndErrors() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "5")
                try await site.makeAccount("poor", credits: "0.001")
                let (key, poorKey) = (try await site.issueKey("acme"), try await site.issueKey("poor"))
                let node = try await Node.start(site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
                for (name, bytes) in [("picture", Self.picture), ("mask", Self.mask)] {
                    try Data(bytes).write(to: URL(fileURLWithPath: "\(site.folder)/\(name).png"))
                }
                let arguments = [Self.baseURL(node), key, poorKey, site.folder]
                let outcome = try await RealClients.run("openai_client.py", arguments, in: site)
                #expect(outcome.isSuccess, "\(outcome.output)\(outcome.error)")
                #expect(outcome.output.split(separator: "\n").last == "errors")
                // url, b64_json, webp, stream, idempotency, edit, inpaint, the edit's stream, several and their stream: one task each.
                #expect(try await site.number("select count(*) from tasks where state = 'completed'") == 10)
                #expect(try await site.number("select count(*) from tasks") == 10, "no refusal and no retry made a task")
                #expect(try await site.rows("select operation::text, count(*)::text from tasks group by 1 order by 1") == [
                    ["edit", "2"], ["generate", "7"], ["inpaint", "1"],
                ])
                let files = try ["generated", "edited", "inpainted"].map {
                    try Data(contentsOf: URL(fileURLWithPath: "\(site.folder)/\($0).png"))
                }
                #expect(Set(files).count == 3 && !files.contains(Data(Self.picture)), "each is a picture of its own")
                try await site.expectCleanLedger()
            }
        }

        /// The client repeats what failed with 5xx by itself unless it is told not to; each would be another paid task.
        @Test(arguments: ["failed", "unfinished"]) func nothingIsRepeatedOnceThereIsATask(how: String) async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "5")
                let key = try await site.issueKey("acme")
                let settings = how == "failed" ? ["ZIMAGE_SANDBOX_FAILURE_PERCENT": "100"] : ["ZIMAGE_IMAGE_WAIT_SECONDS": "1"]
                let node = try await Node.start(
                    site, roles: how == "failed" ? "api,worker" : "api", settings: settings.merging(["ZIMAGE_SANDBOX_SECONDS": "0"]) { $1 })
                let outcome = try await RealClients.run("openai_failures.py", [Self.baseURL(node), key, how], in: site)
                #expect(outcome.isSuccess, "\(outcome.output)\(outcome.error)")
                #expect(outcome.output == (how == "failed" ? "500\nstream\n" : "504\nstream\n"))
                #expect(try await site.number("select count(*) from tasks") == 2)
                try await site.expectCleanLedger()
            }
        }

        @Test func whoHangsUpFindsThePictureLater() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "5")
                let key = try await site.issueKey("acme")
                let settings = ["ZIMAGE_SANDBOX_SECONDS": "0"]
                let node = try await Node.start(site, roles: "api", settings: settings)
                let first = try await RealClients.run("openai_impatient.py", [Self.baseURL(node), key, "1"], in: site)
                #expect(first.output == "timeout\n", "\(first.error)")
                _ = try await Node.start(site, roles: "worker", settings: settings)
                let second = try await RealClients.run("openai_impatient.py", [Self.baseURL(node), key, "100"], in: site)
                #expect(second.output == "picture\n", "\(second.error)")
                #expect(try await site.number("select count(*) from tasks where state = 'completed'") == 1, "each try was the same task")
                try await site.expectCleanLedger()
            }
        }

        private static func baseURL(_ node: Node) -> String { "http://127.0.0.1:\(node.port)/openai/v1" }
    }
}
