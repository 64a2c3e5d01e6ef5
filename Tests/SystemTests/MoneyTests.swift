import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    @Suite struct MoneyTests {
        /// Submits many at once, in turn to each node, and counts the answers by status.
        private func statuses(_ count: Int, _ nodes: [Node], _ key: String) async throws -> [Int: Int] {
            try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<count {
                    let node = nodes[index % nodes.count]
                    group.addTask { try await node.submit(key).status }
                }
                return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
        }

        @Test(arguments: [1, 2]) func creditForExactly120Of200(nodeCount: Int) async throws {
            try await Site.with { site in
                // 120 x 0.026, and not a micro-credit more.
                try await site.makeAccount("acme", credits: "3.12")
                let key = try await site.issueKey("acme")
                var nodes: [Node] = []
                for _ in 0..<nodeCount { nodes.append(try await Node.start(site, roles: "api")) }
                #expect(try await statuses(200, nodes, key) == [200: 120, 402: 80])
                #expect(try await site.balance("acme") == ["0", "3.12", "0"])
                #expect(try await site.number("select count(*) from tasks") == 120)
                try await site.expectCleanLedger()
                for node in nodes { #expect(await node.stop() == .exited(0)) }
            }
        }

        @Test func testKeysNeverTouchLiveCredits() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "5")
                // Play money for one picture: a new account has 1000 test credits.
                try await site.mustRun("price set --group default --model z-image-turbo --amount 600")
                let key = try await site.issueKey("acme", "--test")
                let node = try await Node.start(site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
                let first = try await node.submit(key)
                #expect(first.status == 200)
                #expect(try await node.submit(key).status == 402, "live credits do not help")
                try await site.allEnded()
                #expect(try await node.task(first.taskID(), key)["status"] as? String == "completed")
                #expect(try await site.balance("acme") == ["5", "0", "0"])
                #expect(try await site.balance("acme", "--test") == ["400", "0", "600"])
                let live = try await site.mustRun("usage --account acme --json").object()
                #expect((live["rows"] as? [Any])?.isEmpty == true, "nothing to bill")
                let test = try await site.mustRun("usage --account acme --test --json").object()
                #expect((test["total"] as? [String: Any])?["credits_settled"] as? String == "600")
                try await site.expectCleanLedger()
            }
        }

        @Test func aHugeBodyIsRefusedAndTheServerGoesOn() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let node = try await Node.start(site, roles: "api")
                let body = #"{"model":"z-image-turbo","prompt":"\#(String(repeating: "x", count: 30 << 20))"}"#
                // The server need not read all of it: it answers 413, or it hangs up on a client that goes on sending.
                do { #expect(try await node.submit(key, body: body).status == 413) } catch let error as CurlError {
                    guard case .other = error else { throw error }
                }
                #expect(try await site.number("select count(*) from tasks") == 0)
                #expect(try await node.submit(key).status == 200)
            }
        }
    }
}
