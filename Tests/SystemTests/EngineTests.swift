import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// The service and the engine of `ops/engine`, as an operator runs them.
    @Suite struct EngineTests {
        private static let image = dataURI(TestPictures.png(width: 376, height: 376, 90, 120, 150))
        private static let mask = dataURI(TestPictures.mask(width: 376, height: 376, whiteColumns: 100))

        private static func dataURI(_ png: [UInt8]) -> String { "data:image/png;base64," + Data(png).base64EncodedString() }

        private func body(_ size: String, _ more: String = "") -> String {
            #"{"model":"z-image-turbo","prompt":"a red fox","size":"\#(size)","seed":41\#(more)}"#
        }

        @Test func theEngineDrawsStopsAndMayDie() async throws {
            try await Site.with { site in
                try await EngineProcess.install(site)
                let engines = try (0..<2).map { _ in try EngineProcess(site) }
                defer { for engine in engines { engine.kill() } }
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                for (number, engine) in engines.enumerated() {
                    try await engine.ready()
                    let name = "gpu-\(number + 1)"
                    try await site.mustRun(
                        "provider add \(name) --kind openai-images --engine reference --base-url http://127.0.0.1:\(engine.port) "
                            + "--allow-private --no-secret --model z-image-turbo --priority \(number + 1)")
                    let tested = try await site.zadmin("provider test \(name)")
                    #expect(tested.isSuccess, "\(tested.output)\(tested.error)")
                }
                let node = try await Node.start(site)
                try await draws(engines[0], node, key)
                #expect(try await site.balance("acme") == ["0.896", "0", "0.104"])
                try await stops(engines[0], node, key)
                #expect(try await site.balance("acme") == ["0.896", "0", "0.104"], "a cancelled job costs nothing")
                try await dies(engines[0], engines[1], node, key)
                #expect(try await site.balance("acme") == ["0.87", "0", "0.13"], "one picture, one charge")
                try await site.expectCleanLedger()
            }
        }

        /// Text to picture, picture to picture, inpainting, and progress.
        private func draws(_ engine: EngineProcess, _ node: Node, _ key: String) async throws {
            let image = #","image_url":"\#(Self.image)""#
            // 376 is no multiple of 16: the service asks for 384 and crops.
            let jobs = [
                (body("376x376"), 8), (body("376x376", image + #","strength":0.6"#), 5),
                (body("376x376", image + #","mask":"\#(Self.mask)","strength":1"#), 8),
            ]
            for (body, forwards) in jobs {
                let before = try await engine.forwards()
                let task = try await finished(try await submit(node, key, body), node, key)
                #expect(task["status"] as? String == "completed", "\(task)")
                let link = try #require((task["results"] as? [String])?.first.flatMap { URL(string: $0) })
                let picture = try await node.send("GET", "\(link.path)?\(link.query ?? "")")
                #expect(picture.status == 200 && picture.body.count > 1_000)
                let ran = try await engine.forwards() - before
                #expect(ran == forwards)
            }
            let large = try await submit(node, key, body("1024x1024"))
            var told = 0
            try await eventually("progress") {
                let task = try await node.task(large, key)
                if task["status"] as? String == "processing" { told = task["progress"] as? Int ?? 0 }
                return told > 0 || task["status"] as? String == "completed"
            }
            #expect((1...95).contains(told))
            #expect(try await finished(large, node, key)["status"] as? String == "completed")
        }

        /// A cancel reaches the engine, which leaves the rest of the job undone.
        private func stops(_ engine: EngineProcess, _ node: Node, _ key: String) async throws {
            let before = try await engine.forwards()
            let id = try await submit(node, key, body("1536x1536"))
            try await eventually("the engine is at work") { try await engine.forwards() > before }
            // It is held where it is, so that it cannot be done before the cancel arrives.
            engine.child.send(SIGSTOP)
            defer { engine.child.send(SIGCONT) }
            try await eventually("the engine is held") { engine.child.isStopped }
            let open = try engine.openConnections()
            #expect(open > 0, "the service waits for the engine")
            #expect(try await node.send("POST", "/v1/tasks/\(id)/cancel", key: key).status == 200)
            try await eventually("the service hangs up") { try engine.openConnections() < open }
            engine.child.send(SIGCONT)
            try await eventually("the engine stops") {
                try await engine.metric(#"engine_jobs_total{outcome="cancelled"}"#) == 1
            }
            #expect(try await engine.forwards() - before < 8)
            #expect(try await node.task(id, key)["status"] as? String == "cancelled")
        }

        /// An engine that dies takes no job with it.
        private func dies(_ first: EngineProcess, _ second: EngineProcess, _ node: Node, _ key: String) async throws {
            let before = try await first.forwards()
            let id = try await submit(node, key, body("1536x1536"))
            try await eventually("the engine is at work") { try await first.forwards() > before }
            first.kill()
            #expect(try await finished(id, node, key)["status"] as? String == "completed")
            #expect(try await second.forwards() == 8)
        }

        private func submit(_ node: Node, _ key: String, _ body: String) async throws -> String {
            let reply = try await node.submit(key, body: body)
            #expect(reply.status == 200, "\(reply.text)")
            return try reply.taskID()
        }

        private func finished(_ id: String, _ node: Node, _ key: String) async throws -> [String: Any] {
            var task: [String: Any] = [:]
            repeat {
                task = try await node.send("GET", "/v1/tasks/\(id)?wait=30", key: key).object()
            } while ["pending", "processing"].contains(task["status"] as? String)
            return task
        }
    }
}
