import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Customers wait on one node for what another node does.
    @Suite struct TaskWaitTests {
        @Test func aStreamShowsTheWorkOfAnotherNode() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme", "--ip 127.0.0.0/8")
                let api = try await Node.start(site, roles: "api")
                let id = try await api.submit(key).taskID()
                let stream = try EventStream(api, task: id, key: key)
                // The answer begins while nobody works yet.
                try await eventually("the first event") { stream.text.contains(#""status":"pending""#) }
                #expect(stream.text.lowercased().contains("transfer-encoding: chunked"))
                async let poll = api.send("GET", "/v1/tasks/\(id)?wait=60", key: key)
                let worker = try await Node.start(
                    site, roles: "worker", settings: ["ZIMAGE_SANDBOX_SECONDS": "4", "ZIMAGE_LEASE_SECONDS": "3"])
                try await eventually("the end of the stream") { stream.isClosed }
                let text = stream.text
                #expect(text.contains(/"progress":[1-9][0-9]?,"status":"processing"/), "\(text)")
                let query = try await api.send("GET", "/v1/tasks/\(id)", key: key).text
                #expect(query.contains(#""status":"completed""#))
                #expect(text.contains("event: completed\ndata: \(query)\n\n"), "\(text)")
                let polled = try await poll
                #expect(polled.text == query)
                for node in [worker, api] { #expect(await node.stop() == .exited(0)) }
            }
        }

        @Test func aRevokedKeyEndsItsStreamAndNoOther() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let (key, leaked) = (try await site.issueKey("acme"), try await site.issueKey("acme", "--name leaked"))
                let node = try await Node.start(site, roles: "api")
                let id = try await node.submit(key).taskID()
                let other = try EventStream(node, task: id, key: key)
                try await eventually("the first event") { other.text.contains("event: progress") }
                let stream = try EventStream(node, task: id, key: leaked)
                try await eventually("the first event of the leaked key") { stream.text.contains("event: progress") }
                let number = try await site.number("select id from api_keys where name = 'leaked'")
                try await site.mustRun("key revoke \(number)")
                try await eventually("the end of the stream") { stream.isClosed }
                #expect(stream.text.contains("event: error\ndata: ") && stream.text.contains("authentication_error"), "\(stream.text)")
                #expect(!other.isClosed && !other.text.contains(": the task goes on"), "\(other.text)")
                #expect(await node.stop() == .exited(0))
            }
        }

        @Test func aCancelledTaskIsStoppedOnAnotherNode() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let api = try await Node.start(site, roles: "api")
                // One job at a time, which lasts longer than the test.
                let worker = try await Node.start(
                    site, roles: "worker", settings: ["ZIMAGE_SANDBOX_SECONDS": "3600", "ZIMAGE_WORKERS": "1", "ZIMAGE_GRACE_SECONDS": "0"])
                func runs(_ id: String) async throws {
                    try await eventually("work on \(id)") { try await api.task(id, key)["status"] as? String == "processing" }
                }
                let first = try await api.submit(key).taskID()
                let second = try await api.submit(key).taskID()
                try await runs(first)
                let stream = try EventStream(api, task: first, key: key)
                try await eventually("the first event") { stream.text.contains(#""can_cancel":true"#) }
                let cancelled = try await api.send("POST", "/v1/tasks/\(first)/cancel", key: key)
                #expect(cancelled.status == 200)
                try await eventually("the end of the stream") { stream.isClosed }
                #expect(stream.text.contains("event: cancelled\ndata: \(cancelled.text)\n\n"), "\(stream.text)")
                #expect(try await site.balance("acme") == ["0.974", "0.026", "0"])
                // The slot of the cancelled job is free.
                try await runs(second)
                let open = try EventStream(api, task: second, key: key)
                try await eventually("the first event") { open.text.contains("event: progress") }
                // A node that stops lets go of those who wait.
                #expect(await api.stop() == .exited(0))
                try await eventually("the end of the open stream") { open.isClosed }
                #expect(await worker.stop() == .exited(0))
                try await site.expectCleanLedger()
            }
        }
    }
}
