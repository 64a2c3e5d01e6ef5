import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// A provider that fails at everything, played by `zserve simulate`, beside one that works.
    @Suite struct FailoverTests {
        struct Trouble: Sendable, CustomTestStringConvertible {
            let options: String
            let kind: String
            let fault: String
            /// What an operator reads about it.
            let says: String
            var testDescription: String { "\(kind) \(fault)" }
        }

        private static let own = "--kind openai-images --engine reference --timeout-seconds 1"
        private static let billed = "--kind novita --cost 0.005 --currency USD"
        static let troubles = [
            Trouble(options: billed, kind: "novita", fault: "submit:503:*", says: "SERVICE_NOT_AVAILABLE"),
            Trouble(options: billed, kind: "novita", fault: "poll:failed:*", says: "the task failed"),
            Trouble(options: own, kind: "openai-images", fault: "submit:hang:*", says: "timed"),
            Trouble(options: own, kind: "openai-images", fault: "submit:reset-before:*", says: "fail"),
        ]

        private func simulate(_ site: Site, _ kind: String, _ faults: [String]) async throws -> String {
            let options = ["--kind", kind, "--key", "secret", "--seconds", "0", "--port", "0"] + faults.flatMap { ["--fault", $0] }
            let (child, log) = try site.launch("zserve", ["simulate"] + options, settings: [:])
            var said = ""
            try await eventually("the simulator's address") {
                said = try String(contentsOfFile: "\(log).out", encoding: .utf8)
                return said.contains("zadmin provider add") || !child.isRunning
            }
            return String(try #require(said.firstMatch(of: /at (http:\/\/127\.0\.0\.1:[0-9]+) \(key/)?.1))
        }

        private func submits(_ site: Site, _ url: String) async throws -> Int {
            let reply = try await site.transfers.perform(TransferRequest(method: "GET", url: "\(url)/_simulator", egress: nil))
            return try #require(try reply.object()["submits"] as? [Any]).count
        }

        private func serve(_ count: Int, _ node: Node, _ key: String) async throws {
            for _ in 0..<count { #expect(try await node.submit(key).status == 200) }
            try await node.site.allEnded()
        }

        @Test(arguments: troubles) func noCustomerNoticesAndTheOperatorSees(trouble: Trouble) async throws {
            try await Site.with { site in
                let bad = try await simulate(site, trouble.kind, [trouble.fault])
                let good = try await simulate(site, "novita", [])
                try await site.mustRun(
                    "provider add bad \(trouble.options) --base-url \(bad) --allow-private --model z-image-turbo", input: "secret")
                try await site.mustRun(
                    "provider add good \(Self.billed) --base-url \(good) --allow-private --model z-image-turbo --priority 2",
                    input: "secret")
                try await site.makeAccount("acme", credits: "10")
                let key = try await site.issueKey("acme")
                let node = try await Node.start(site, settings: ["ZIMAGE_NODE": "a"])
                try await serve(8, node, key)
                let first = try await submits(site, bad)
                #expect((5...8).contains(first))
                try await serve(24, node, key)
                // It may be tried again once, on a slow machine.
                #expect(try await submits(site, bad) <= first + 1)
                #expect(try await site.number("select count(*) from tasks where state = 'completed'") == 32)
                try await expectSeen(site, trouble)
                #expect(await node.stop() == .exited(0))
                #expect(try await site.mustRun("provider show bad").output.contains("No node works at present"))
                try await site.expectCleanLedger()
            }
        }

        private func expectSeen(_ site: Site, _ trouble: Trouble) async throws {
            var list = ""
            try await eventually("it is told") {
                list = try await site.mustRun("provider list").output
                return list.contains("left alone by 1 of 1") && list.contains("well")
            }
            let shown = try await site.mustRun("provider show bad").output
            #expect(shown.contains("left alone") && shown.contains(trouble.says), "\(shown)")
            let health = try await site.mustRun("provider show good --json").object()["health"] as? [[String: Any]]
            #expect(health?.map { $0["state"] as? String } == ["well"] && health?[0]["node"] as? String == "a")
            let explained = try await site.mustRun("provider explain --model z-image-turbo").output
            #expect(explained.contains("good gets the request") && explained.contains("As known to a."), "\(explained)")
        }
    }
}
