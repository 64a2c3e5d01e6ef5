import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// One installation sells what another draws: every dialect from both sides.
    @Suite struct ProviderChainTests {
        /// A name for a kind, its options, and whether it edits.
        private static let kinds: [(name: String, options: String, edits: Bool)] = [
            ("highway", "--kind highway", true), ("unified", "--kind unified --engine zimage", true),
            ("zimageturbo", "--kind zimageturbo", false), ("images", "--kind openai-images --engine zimage", true),
        ]

        private func body(_ more: String = "") -> String {
            #"{"model":"z-image-turbo","prompt":"a red fox","size":"1:1","seed":41\#(more)}"#
        }

        private func picture(_ task: [String: Any], _ node: Node) async throws -> [UInt8] {
            #expect(task["status"] as? String == "completed", "\(task)")
            let link = try #require((task["results"] as? [String])?.first)
            let path = try #require(URL(string: link))
            return try await node.send("GET", "\(path.path)?\(path.query ?? "")").body
        }

        /// Submits and waits for the end.
        private func draw(_ node: Node, _ key: String, _ body: String) async throws -> (id: String, task: [String: Any]) {
            let reply = try await node.submit(key, body: body)
            #expect(reply.status == 200, "\(reply.text)")
            let id = try reply.taskID()
            var task: [String: Any] = [:]
            repeat {
                task = try await node.send("GET", "/v1/tasks/\(id)?wait=30", key: key).object()
            } while ["pending", "processing"].contains(task["status"] as? String)
            return (id, task)
        }

        private func add(_ kind: (name: String, options: String, edits: Bool), _ far: Node, _ key: String, to site: Site)
            async throws
        {
            try await site.mustRun("group create \(kind.name)")
            try await site.mustRun(
                "provider add \(kind.name) \(kind.options) --base-url http://127.0.0.1:\(far.port) --allow-private "
                    + "--model z-image-turbo --group \(kind.name) --cost 0.026 --currency USD", input: key)
            try await site.mustRun("account create \(kind.name) --group \(kind.name)")
            try await site.mustRun("credits grant --account \(kind.name) --amount 1")
            try await site.mustRun("price set --group \(kind.name) --model z-image-turbo --amount 0.05")
        }

        @Test func whatOneInstallationDrawsAnotherSellsInEveryDialect() async throws {
            try await Site.with { far in
                let drawing = try await Node.start(far, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
                try await far.makeAccount("reseller", credits: "10")
                let upstream = try await far.issueKey("reseller")
                let direct = try await picture(try await draw(drawing, upstream, body()).task, drawing)
                try await Site.with { near in
                    for kind in Self.kinds { try await add(kind, drawing, upstream, to: near) }
                    let selling = try await Node.start(near)
                    var sold = 0
                    for kind in Self.kinds {
                        let tested = try await near.zadmin("provider test \(kind.name)")
                        #expect(tested.isSuccess, "\(kind.name): \(tested.output)\(tested.error)")
                        let key = try await near.issueKey(kind.name)
                        let (id, task) = try await draw(selling, key, body())
                        let bytes = try await picture(task, selling)
                        // zimageturbo.ai takes no seed, so its picture is another.
                        #expect((bytes == direct) == (kind.name != "zimageturbo"), "\(kind.name)")
                        sold += 1
                        let story = try await near.mustRun("task show \(id)").output
                        for word in ["made", kind.name, "completed"] { #expect(story.contains(word), "\(story)") }
                        let edit = try await selling.submit(key, body: body(#","image_url":"\#(Self.dataURI)""#))
                        #expect(edit.status == 200, "\(edit.text)")
                        if kind.edits { sold += 1 }
                    }
                    try await near.allEnded()
                    #expect(try await near.number("select count(*) from tasks where state = 'completed'") == sold)
                    #expect(try await far.number("select count(*) from tasks where state = 'completed'") == sold + 1)
                    #expect(try await far.balance("reseller")[2] == "\(Decimal(26 * (sold + 1)) / 1000)")
                    #expect(
                        try await near.number("select sum(cost) from expected_bills") == 26_000 * sold, "each is known with its cost")
                    let usage = try #require(try await near.mustRun("usage --json").object()["total"] as? [String: Any])
                    #expect((usage["costs"] as? [[String: String]])?.map { $0["amount"] } == ["\(Decimal(26 * sold) / 1000)"])
                    try await near.expectCleanLedger()
                }
                try await far.expectCleanLedger()
            }
        }

        /// A grey picture of 64 x 64 pixels.
        private static let dataURI =
            "data:image/png;base64," + Data(TestPictures.png(width: 64, height: 64, 90, 90, 90)).base64EncodedString()

        @Test func aNodeMayDieAtEachPointOfASubmit() async throws {
            try await Site.with { far in
                let drawing = try await Node.start(far, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
                try await far.makeAccount("reseller", credits: "10")
                let upstream = try await far.issueKey("reseller")
                let effects = ["begin_submit", "provider_submit", "record_submit", "provider_poll", "provider_fetch"]
                let points = effects.flatMap { ["before \($0)", "after \($0)"] } + ["before record_submit:2", "after record_submit:2"]
                let trials = Self.kinds.prefix(2).flatMap { kind in points.map { (kind, $0) } }
                let failures = await together(4, trials) { kind, point in
                    try await Site.with { near in
                        try await add(kind, drawing, upstream, to: near)
                        try await near.mustRun("provider update \(kind.name) --timeout-seconds 5 --deadline-seconds 8")
                        let key = try await near.issueKey(kind.name)
                        let short = ["ZIMAGE_LEASE_SECONDS": "3"]
                        let dying = try await Node.start(near, settings: short.merging(["ZIMAGE_CRASH_AT": point]) { $1 })
                        let prompt = "\(kind.name) \(point)"
                        _ = try await dying.submit(key, body: Node.body.replacing("a cat", with: prompt))
                        try await eventually("\(prompt) kills the node") { !dying.child.isRunning }
                        _ = try await Node.start(near, settings: short)
                        try await near.allEnded()
                        let paid = try await far.number("select count(*) from tasks where request->>'prompt' = '\(prompt)'")
                        #expect(paid <= 1, "\(prompt): paid \(paid) times")
                        let end = try await near.rows("select state, settled from tasks")[0]
                        // Where a repeated submit is the same job, no job is lost.
                        if kind.name == "unified" || !["after begin_submit", "before provider_submit", "after provider_submit",
                            "before record_submit"].contains(point) {
                            #expect(end == ["completed", "50000"], "\(prompt)")
                        } else {
                            #expect(end == ["failed", "0"], "\(prompt): the answer was lost, so nobody else is paid")
                        }
                        try await near.expectCleanLedger()
                    }
                }
                #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
                try await far.expectCleanLedger()
            }
        }
    }
}
