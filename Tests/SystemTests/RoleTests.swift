import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    @Suite struct RoleTests {
        @Test func oneNodeAnswersAndAnotherWorks() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let customer = try await TLSCustomer()
                let settings = [
                    "ZIMAGE_SANDBOX_SECONDS": "0", "ZIMAGE_EGRESS_ALLOW": "127.0.0.1/32:\(customer.port)",
                    "ZIMAGE_EGRESS_CA": customer.caFile,
                ]
                let api = try await Node.start(site, roles: "api", settings: settings)
                let publicURL = "http://127.0.0.1:\(api.port)"
                let worker = try await Node.start(
                    site, roles: "worker", settings: settings.merging(["ZIMAGE_PUBLIC_URL": publicURL]) { $1 })
                let body = Node.body.dropLast() + #","callback_url":"\#(customer.url("/200"))"}"#
                let id = try await api.submit(key, body: String(body)).taskID()
                let seen = try await customer.nextSeen()
                let reply = try await api.send("GET", "/v1/tasks/\(id)", key: key)
                #expect(seen.body == reply.text, "the callback is the answer to a query, byte for byte")
                let task = try reply.object()
                #expect(task["status"] as? String == "completed")
                let link = try #require((task["results"] as? [String])?.first)
                #expect(link.hasPrefix("\(publicURL)/images/"))
                let picture = try await api.send("GET", String(link.dropFirst(publicURL.count)))
                #expect(picture.status == 200 && picture.header("content-type") == "image/webp")
                #expect(Array(picture.body[8..<12]) == Array("WEBP".utf8))
                #expect(try await worker.submit(key).status == 404, "a worker has no API")
                #expect(try await worker.send("GET", "/healthz").status == 200)
                #expect(await worker.stop() == .exited(0))
                #expect(await api.stop() == .exited(0))
                try await site.expectCleanLedger()
            }
        }

        @Test func anAPINodeAloneLeavesTasksWaiting() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let api = try await Node.start(site, roles: "api", settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
                let id = try await api.submit(key).taskID()
                #expect(await api.stop() == .exited(0))
                #expect(try await site.rows("select state from tasks") == [["pending"]])
                let both = try await Node.start(site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
                try await site.allEnded()
                #expect(try await both.task(id, key)["status"] as? String == "completed")
            }
        }

        @Test func aRevokedKeyStopsOnEveryNode() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let issued = try await site.mustRun("key issue --account acme --json").object()
                let key = try #require(issued["key"] as? String)
                let nodes = [try await Node.start(site, roles: "api"), try await Node.start(site, roles: "api")]
                for node in nodes { #expect(try await node.submit(key).status == 200) }
                try await site.mustRun("key revoke \(try #require(issued["id"] as? Int))")
                for node in nodes { #expect(try await node.submit(key).status == 401, "submits ask the database") }
                for node in nodes {
                    try await eventually("the key stops for queries too", withinSeconds: 10) {
                        try await node.send("GET", "/v1/tasks/x", key: key).status == 401
                    }
                }
                #expect(try await site.number("select count(*) from tasks") == 2)
            }
        }
    }
}
