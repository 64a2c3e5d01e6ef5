import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// The dialects are words for the same jobs.
    @Suite struct DialectsTests {
        /// zimageturbo.ai takes no seed, size in pixels or format, so its job comes first and the others ask for the same.
        @Test func thePictureIsTheSameInEveryDialect() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let node = try await Node.start(site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
                let first = try await zimageturbo(node, key)
                #expect(first.bytes.starts(with: Array("RIFF".utf8)) && first.bytes[8..<12].elementsEqual("WEBP".utf8))
                let size = first.size.replacing("*", with: "x")
                let asked = #""prompt":"a red fox, \"quoted\"","seed":\#(first.seed)"#
                let unified = try await unified(node, key, #"{"model":"z-image-turbo",\#(asked),"size":"\#(size)"}"#)
                let v3 = try await v3(node, key, #"{\#(asked),"size":"\#(first.size)","output_format":"webp"}"#)
                let openAI = #"{"model":"z-image-turbo",\#(asked),"size":"\#(size)","output_format":"webp""#
                let (link, base64) = (
                    try await openAIImage(node, key, openAI + #","response_format":"url"}"#),
                    try await openAIImage(node, key, openAI + #","response_format":"b64_json"}"#)
                )
                for (name, bytes) in [("unified", unified), ("v3", v3), ("OpenAI's link", link), ("OpenAI's base64", base64)] {
                    #expect(bytes == first.bytes, "\(name): \(bytes.count) bytes, not the \(first.bytes.count) of the first")
                }
                // Another seed is another picture, so the equal ones say something.
                let other = asked.replacing(String(first.seed), with: String(first.seed % 2_147_483_646 + 1))
                let different = try await self.unified(node, key, #"{"model":"z-image-turbo",\#(other),"size":"\#(size)"}"#)
                #expect(different != first.bytes)
                try await site.expectCleanLedger()
            }
        }

        private func zimageturbo(_ node: Node, _ key: String) async throws -> (bytes: [UInt8], seed: Int64, size: String) {
            let body = #"{"prompt":"a red fox, \"quoted\"","aspect_ratio":"3:4"}"#
            let sent = try await node.send("POST", "/api/generate", key: key, body: Array(body.utf8)).object()
            let id = try #require((sent["data"] as? [String: Any])?["task_id"] as? String)
            var data: [String: Any] = [:]
            try await eventually("the picture by zimageturbo.ai") {
                let reply = try await node.send("GET", "/api/status?task_id=\(id)", key: key).object()
                data = try #require(reply["data"] as? [String: Any])
                return data["status"] as? String == "SUCCESS"
            }
            let request = try #require(data["request"] as? [String: Any])
            let seed = try #require((request["seed"] as? String).flatMap { Int64($0) })
            #expect(seed > 0, "the seed that was drawn")
            let links = try #require(data["response"] as? [String])
            return (try await download(node, #require(links.first)), seed, try #require(request["size"] as? String))
        }

        private func unified(_ node: Node, _ key: String, _ body: String) async throws -> [UInt8] {
            let id = try await node.submit(key, body: body).taskID()
            let task = try await node.send("GET", "/v1/tasks/\(id)?wait=60", key: key).object()
            return try await download(node, #require((task["results"] as? [String])?.first, "\(task)"))
        }

        private func v3(_ node: Node, _ key: String, _ body: String) async throws -> [UInt8] {
            let sent = try await node.send("POST", "/v3/async/z-image-turbo", key: key, body: Array(body.utf8)).object()
            let id = try #require(sent["task_id"] as? String, "\(sent)")
            var link: String?
            try await eventually("the picture by v3") {
                let reply = try await node.send("GET", "/v3/async/task-result?task_id=\(id)", key: key).object()
                link = (reply["images"] as? [[String: Any]])?.first?["image_url"] as? String
                return link != nil
            }
            return try await download(node, #require(link))
        }

        private func openAIImage(_ node: Node, _ key: String, _ body: String) async throws -> [UInt8] {
            let reply = try await node.send("POST", "/openai/v1/images/generations", key: key, body: Array(body.utf8))
            let image = try #require((try reply.object()["data"] as? [[String: Any]])?.first, "\(reply.text)")
            if let text = image["b64_json"] as? String { return Array(try #require(Data(base64Encoded: text))) }
            return try await download(node, #require(image["url"] as? String))
        }

        private func download(_ node: Node, _ link: String) async throws -> [UInt8] {
            let start = "http://127.0.0.1:\(node.port)"
            try #require(link.hasPrefix(start), "\(link)")
            let reply = try await node.send("GET", String(link.dropFirst(start.count)))
            #expect(reply.status == 200)
            return Array(reply.body)
        }
    }
}
