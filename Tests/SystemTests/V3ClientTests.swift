import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Novita's own client against a real server.
    @Suite struct V3ClientTests {
        @Test func novitasClientDrawsAndIsRefused() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                try await site.makeAccount("poor", credits: "0.001")
                let (key, poorKey) = (try await site.issueKey("acme"), try await site.issueKey("poor"))
                let node = try await Self.start(site)
                let base = "http://127.0.0.1:\(node.port)"
                let outcome = try await RealClients.run("novita_v3.py", [base, key, poorKey], in: site)
                guard outcome.isSuccess else { throw TestFailure("\(outcome.output)\(outcome.error)") }
                let report = try outcome.object()
                for route in ["txt2img", "flat"] {
                    let facts = try #require(report[route] as? [String: Any])
                    #expect(facts["status"] as? String == "TASK_STATUS_SUCCEED" && facts["reason"] as? String == "")
                    #expect(facts["seed"] as? Int == 7 && facts["progress"] as? Int == 100 && facts["images"] as? Int == 1)
                    #expect(facts["type"] as? String == "Z_IMAGE_TURBO" && facts["format"] as? String == "png")
                    #expect((facts["ttl"] as? Int).map { (86_000...86_400).contains($0) } == true && facts["times"] as? Bool == true)
                }
                let picture = try #require((report["downloaded"] as? String).flatMap { Data(base64Encoded: $0) })
                #expect(Array(picture.prefix(8)) == [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
                #expect(report["same"] as? Bool == true, "both routes draw the same picture")
                let inline = report["inline"] as? [String: Any]
                #expect(inline?["head"] as? String == "data:image/png;base64" && inline?["same"] as? Bool == true)
                #expect((report["statuses"] as? [String])?.last == "TASK_STATUS_SUCCEED")
                for (name, word) in [
                    ("poor", #""code":400,"reason":"BILLING_BALANCE_NOT_ENOUGH""#), ("forged", #""code":403,"reason":"INVALID_API_KEY""#),
                    ("model", #""code":404,"reason":"MODEL_NOT_FOUND""#), ("unknown", "404"),
                ] {
                    let text = try #require(report[name] as? String)
                    #expect(text.contains(word), "\(name): \(text)")
                }
                #expect(try await site.number("select count(*) from tasks") == 3, "refusals make none")
                try await site.expectCleanLedger()
                #expect(await node.stop() == .exited(0))
            }
        }

        /// The sizes below 376 are legal in this dialect alone; operators find its tasks by the customer's own id.
        @Test func theSmallestPictureAndItsEvent() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let customer = try await TLSCustomer()
                let node = try await Self.start(site, [
                    "ZIMAGE_EGRESS_ALLOW": "127.0.0.1/32:\(customer.port)", "ZIMAGE_EGRESS_CA": customer.caFile,
                ])
                let body = #"{"prompt":"a cat","size":"256*256","extra":{"webhook":{"url":"\#(customer.url("/200"))"}}}"#
                let submitted = try await node.send("POST", "/v3/async/z-image-turbo", key: key, body: Array(body.utf8))
                let id = try #require(try submitted.object()["task_id"] as? String)
                let seen = try await customer.nextSeen()
                let reply = try await node.send("GET", "/v3/async/task-result?task_id=\(id)", key: key)
                #expect(Self.untimed(seen.body) == Self.untimed(#"{"event_type":"ASYNC_TASK_RESULT","payload":\#(reply.text)}"#))
                #expect(reply.text.contains("TASK_STATUS_SUCCEED") && reply.text.contains(customer.url("/200")))
                let shown = try await site.mustRun("task show \(id) --json").object()
                #expect(shown["status"] as? String == "completed")
                #expect(try await site.rows("select images->0->>'width', images->0->>'height' from tasks") == [["256", "256"]])
                #expect(await node.stop() == .exited(0))
            }
        }

        private static func start(_ site: Site, _ settings: [String: String] = [:]) async throws -> Node {
            try await Node.start(site, settings: settings.merging(["ZIMAGE_SANDBOX_SECONDS": "0"]) { $1 })
        }

        /// Without the one figure that changes from second to second.
        private static func untimed(_ text: String) -> String { text.replacing(/"image_url_ttl":"[0-9]+"/, with: "") }
    }
}
