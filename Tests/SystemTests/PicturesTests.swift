import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Several pictures in one task, through real nodes.
    @Suite struct PicturesTests {
        @Test func eachPictureIsTheOneThatARequestWithItsSeedGets() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let node = try await Node.start(site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
                func pictures(_ members: String) async throws -> [[UInt8]] {
                    let id = try await node.submit(key, body: Node.body.dropLast() + ",\(members)}").taskID()
                    let task = try await node.send("GET", "/v1/tasks/\(id)?wait=60", key: key).object()
                    var all: [[UInt8]] = []
                    for link in try #require(task["results"] as? [String], "\(task)") {
                        let path = try #require(link.components(separatedBy: ":\(node.port)").last)
                        all.append(try await node.send("GET", path).body)
                    }
                    return all
                }
                // From the last seed on to the first.
                let together = try await pictures(#""seed":2147483646,"n":4"#)
                var alone: [[UInt8]] = []
                for seed in [2_147_483_646, 2_147_483_647, 1, 2] { alone += try await pictures(#""seed":\#(seed)"#) }
                #expect(together == alone && Set(together).count == 4)
                #expect(try await site.balance("acme") == ["0.792", "0", "0.208"])

                let quote = try await site.mustRun("price quote --group default --model z-image-turbo --pictures 4 --json").object()
                #expect(quote["reserved"] as? String == "0.104" && quote["pictures"] as? Int == 4)
                for count in ["0", "5", "-1"] {
                    let outcome = try await site.zadmin("price quote --group default --model z-image-turbo --pictures \(count)")
                    #expect(!outcome.isSuccess && outcome.error.contains("1 to 4"), "\(outcome.error)")
                }
                try await site.expectCleanLedger()
            }
        }

        @Test func whenOneFailsNothingIsCharged() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let node = try await Node.start(
                    site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0", "ZIMAGE_SANDBOX_FAILURE_PERCENT": "100"])
                let id = try await node.submit(key, body: Node.body.dropLast() + #","n":3}"#).taskID()
                let task = try await node.send("GET", "/v1/tasks/\(id)?wait=60", key: key).object()
                #expect(task["status"] as? String == "failed" && task["results"] == nil)
                #expect(try await site.balance("acme") == ["1", "0", "0"])
                try await site.expectCleanLedger()
            }
        }
    }
}
