import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// What customers are told of tasks that were withdrawn. Of the four dialects two take an address to call: the unified
    /// one and v3, by both of its routes.
    @Suite struct CancelledCallbackTests {
        @Test func theCallbackOfACancelledTaskIsTheReplyToAQuery() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let customer = try await TLSCustomer()
                // One job at a time, which lasts longer than the test.
                let node = try await Node.start(
                    site, settings: [
                        "ZIMAGE_EGRESS_ALLOW": "127.0.0.1/32:\(customer.port)", "ZIMAGE_EGRESS_CA": customer.caFile,
                        "ZIMAGE_SANDBOX_SECONDS": "3600", "ZIMAGE_WORKERS": "1", "ZIMAGE_GRACE_SECONDS": "0",
                    ])
                let body = Node.body.dropLast() + #","callback_url":"\#(customer.url("/204"))"}"#
                let running = try await node.submit(key, body: String(body)).taskID()
                try await eventually("work on the first") { try await node.task(running, key)["status"] as? String == "processing" }
                let waiting = try await node.submit(key, body: String(body)).taskID()
                for id in [waiting, running] {
                    let cancelled = try await node.send("POST", "/v1/tasks/\(id)/cancel", key: key)
                    let seen = try await customer.nextSeen()
                    #expect(seen.body.contains(#""status":"cancelled""#))
                    #expect(seen.body == cancelled.text, "the reply to the cancel")
                    #expect(try await node.send("GET", "/v1/tasks/\(id)", key: key).text == seen.body)
                }
                for (route, body) in v3Bodies(customer.url("/204")) {
                    let sent = try await node.send("POST", "/v3/async/\(route)", key: key, body: Array(body.utf8))
                    let id = try #require(try sent.object()["task_id"] as? String, "\(sent.text)")
                    try await site.mustRun("task cancel \(id)")
                    let seen = try await customer.nextSeen()
                    let reply = try await node.send("GET", "/v3/async/task-result?task_id=\(id)", key: key).text
                    #expect(reply.contains(#""status":"TASK_STATUS_FAILED","reason":"TASK_CANCELLED: "#), "\(reply)")
                    #expect(seen.body == #"{"event_type":"ASYNC_TASK_RESULT","payload":\#(reply)}"#, "\(route)")
                }
                #expect(try await site.balance("acme") == ["1", "0", "0"])
                try await site.expectCleanLedger()
            }
        }

        private func v3Bodies(_ url: String) -> [(String, String)] {
            let extra = #""extra":{"webhook":{"url":"\#(url)"}}"#
            return [
                ("z-image-turbo", #"{"prompt":"a cat","enable_base64_output":true,\#(extra)}"#),
                ("txt2img", #"{"request":{"model_name":"z-image-turbo","prompt":"a cat","width":512,"height":512},\#(extra)}"#),
            ]
        }
    }
}
