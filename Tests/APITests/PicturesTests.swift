import Domain
import Foundation
import HTTPTypes
import Images
import JobLife
import Queue
import TestSupport
import Testing

/// `n`: several pictures in one task, made and paid together.
@Suite(.timeLimit(.minutes(5))) struct PicturesTests {
    private static func body(_ members: String = "") -> String {
        #"{"model":"z-image-turbo","prompt":"a cat","size":"376x376"\#(members)}"#
    }

    /// Keeps a picture for each of some texts, and answers the outcome that names them in order.
    private func made(_ api: APIFixture, _ texts: [String]) async throws -> Ending.Outcome {
        var images: [TaskImage] = []
        for (index, text) in texts.enumerated() {
            let path = ImagePath(atSeconds: api.clock.now, lease: 1, index: index, format: .png)
            try await api.store.put(Array(text.utf8), at: path)
            images.append(TaskImage(
                path: path.text, format: .png, size: ImageSize(width: 376 + index, height: 376), bytes: text.utf8.count))
        }
        return .completed(images: images)
    }

    @Test func theUnifiedReplyHasALinkForEachInOrder() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let accepted = try await api.submit(Self.body(#","n":3,"seed":7"#), key: tenant.keyText, idempotencyKey: "k")
            #expect(accepted.status == 200)
            #expect((try accepted.json()["usage"] as? [String: Any])?["credits_reserved"] as? Double == 0.078)
            #expect((try accepted.json()["task_info"] as? [String: Any])?["estimated_time"] as? Int == 30, "three times that of one")
            #expect(try await tenant.credits(api.database) == [922_000, 78_000, 0])
            #expect(try await api.storedRequest("pictures, request ->> 'n', request ->> 'seed'") == ["3", "3", "7"])
            let again = try await api.submit(Self.body(#","n":3,"seed":7"#), key: tenant.keyText, idempotencyKey: "k")
            #expect(again.bytes == accepted.bytes && again.header("idempotency-replayed") == "true")
            for other in ["", #","n":2,"seed":7"#, #","seed":7"#] {
                #expect(try await api.submit(Self.body(other), key: tenant.keyText, idempotencyKey: "k").status == 422)
            }
            let id = try #require(try accepted.json()["id"] as? String)
            let waiting = try await api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText).json()
            #expect((waiting["task_info"] as? [String: Any])?["estimated_time"] as? Int == 30)
            let outcome = try await made(api, ["a", "b", "c"])
            try await api.finish { _ in outcome }
            let task = try await api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText).json()
            let links = try #require(task["results"] as? [String])
            var texts: [String] = []
            for link in links { texts.append(try await api.send(.get, link.replacing("https://images.test", with: "")).text) }
            #expect(texts == ["a", "b", "c"])
            let usage = try #require(task["usage"] as? [String: Any])
            #expect(usage["credits_reserved"] as? Double == 0.078 && usage["credits_used"] as? Double == 0.078)
            let listed = try #require(try await api.send(.get, "/v1/tasks", key: tenant.keyText).json()["data"] as? [[String: Any]])
            #expect(listed.count == 1 && listed[0]["result_count"] as? Int == 3)
            #expect(try await tenant.credits(api.database) == [922_000, 0, 78_000])
            #expect(try await ledgerDrift(api.database) == [])
        }
    }

    /// Keys that were used before there was a choice go on: one picture is the same request, said or not.
    @Test func onePictureIsTheSameSaidOrNot() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let first = try await api.submit(Self.body(), key: tenant.keyText, idempotencyKey: "k")
            for one in [#","n":1"#, #","n":null"#] {
                let reply = try await api.submit(Self.body(one), key: tenant.keyText, idempotencyKey: "k")
                #expect(reply.status == 200 && reply.bytes == first.bytes)
            }
            #expect(try await api.storedRequest("pictures, request ->> 'n'") == ["1", nil])
        }
    }

    @Test func creditForOneIsNotEnoughForFour() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database, credits: "0.1")
            let before = try await api.state()
            let reply = try await api.submit(Self.body(#","n":4"#), key: tenant.keyText)
            #expect(reply.status == 402)
            let error = try reply.error()
            #expect(error["estimated_credits"] as? Double == 0.104 && error["account_balance_credits"] as? Double == 0.1)
            let openAI = try await api.openAI(OpenAI.body(#","n":4"#), tenant)
            #expect(try openAI.status == 429 && openAI.error()["code"] as? String == "insufficient_quota")
            #expect(try await api.state() == before)
            #expect(try await api.submit(Self.body(#","n":3"#), key: tenant.keyText).status == 200)
        }
    }

    @Test func tooManyAreRefusedWithTheNumberThatIsPossible() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let before = try await api.state()
            for count in [0, 5, 10] {
                let replies = [
                    try await api.submit(Self.body(#","n":\#(count)"#), key: tenant.keyText),
                    try await api.openAI(OpenAI.body(#","n":\#(count)"#), tenant),
                    try await api.edit([("prompt", "a"), ("n", "\(count)")], [("image", OpenAI.picture)], tenant),
                ]
                for reply in replies {
                    #expect(reply.status == 400)
                    let error = try reply.error()
                    #expect(error["param"] as? String == "n")
                    #expect((error["message"] as? String)?.hasPrefix("n must be 1 to 4") == true, "\(reply.text)")
                }
            }
            #expect(try await api.state() == before)
        }
    }

    @Test func openAIAnswersAllOfThem() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let outcome = try await made(api, ["a", "bb"])
            let reply = try await api.whileEnding({ _ in outcome }) {
                try await api.openAI(OpenAI.body(#","n":2,"response_format":"b64_json""#), tenant, idempotencyKey: "k")
            }
            #expect(reply.status == 200, "\(reply.text)")
            let texts = [Data("a".utf8), Data("bb".utf8)].map { ["b64_json": $0.base64EncodedString()] }
            #expect(try reply.json()["data"] as? [[String: String]] == texts)
            #expect((try reply.json()["usage"] as? [String: Any])?["credits_used"] as? Double == 0.052)
            let links = try await api.openAI(OpenAI.body(#","n":2"#), tenant, idempotencyKey: "k")
            let data = try #require(try links.json()["data"] as? [[String: String]])
            #expect(data.count == 2 && data[0]["url"]?.contains("/1-0.png") == true && data[1]["url"]?.contains("/1-1.png") == true)
            #expect(try await api.openAI(OpenAI.body(), tenant, idempotencyKey: "k").status == 422)
            let edited = try await api.whileEnding({ _ in outcome }) {
                try await api.edit([("prompt", "a"), ("n", "2")], [("image", OpenAI.picture)], tenant)
            }
            #expect((try edited.json()["data"] as? [[String: String]])?.count == 2, "\(edited.text)")
            #expect(try await tenant.credits(api.database) == [896_000, 0, 104_000])
            #expect(try await ledgerDrift(api.database) == [])
        }
    }

    /// Replies with pictures in them are sent when there is room for them, and links at any time.
    @Test func aReplyWithPicturesWaitsForRoom() async throws {
        let budget = ByteBudget(bytesMax: 8)
        try await withAPI(imageWaitSeconds: 12, pictureReplies: budget) { api in
            let tenant = try await Tenant.make(api.database)
            let outcome = try await made(api, ["a", "bb"])
            @Sendable func ask(_ format: String) async throws -> Reply {
                try await api.openAI(OpenAI.body(#","n":2,"response_format":"\#(format)""#), tenant, idempotencyKey: format)
            }
            for format in ["b64_json", "url"] {
                let reply = try await api.whileEnding({ _ in outcome }) { try await ask(format) }
                #expect(reply.status == 200, "\(reply.text)")
            }
            var room = budget.room(1)
            while room == nil {
                // The reply has been sent, so it comes back.
                try Task.checkCancellation()
                await Task.yield()
                room = budget.room(1)
            }
            let refused = try await ask("b64_json")
            #expect(refused.status == 503 && refused.header("x-should-retry") == "false", "\(refused.text)")
            #expect(try (refused.error()["message"] as? String)?.hasPrefix("Too many pictures are being sent") == true)
            #expect(try await ask("url").status == 200)
            withExtendedLifetime(room) {}
            room = nil
            #expect(try await ask("b64_json").status == 200)
            #expect(try await tenant.credits(api.database) == [896_000, 0, 104_000])
        }
    }

    @Test func aStreamEndsWithAnEventForEach() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let outcome = try await made(api, ["a", "bb", "ccc"])
            let reply = try await api.whileEnding({ _ in outcome }) {
                try await api.openAI(OpenAI.body(#","n":3,"stream":true"#), tenant, idempotencyKey: "k")
            }
            let events = try self.events(reply)
            #expect(events.map(\.name) == Array(repeating: "image_generation.completed", count: 3))
            #expect(events.map { $0.data["b64_json"] as? String } == ["a", "bb", "ccc"].map { Data($0.utf8).base64EncodedString() })
            #expect(events.map { $0.data["size"] as? String } == ["376x376", "377x376", "378x376"])
            let credits = events.compactMap { ($0.data["usage"] as? [String: Any])?["credits_used"] as? Double }
            #expect(credits == [0, 0, 0.078], "they add up to what the task cost")
            // One that is gone ends the stream with an error, behind those that are there.
            try await api.store.delete(ImagePath(atSeconds: api.clock.now, lease: 1, index: 1, format: .png))
            let late = try await api.openAI(OpenAI.body(#","n":3,"stream":true"#), tenant, idempotencyKey: "k")
            #expect(try self.events(late).map(\.name) == ["image_generation.completed", "error"])
        }
    }

    private func events(_ reply: Reply) throws -> [(name: String, data: [String: Any])] {
        try reply.text.split(separator: "\n\n").filter { !$0.hasPrefix(":") }.map { block in
            let lines = block.split(separator: "\n")
            let data = try JSONSerialization.jsonObject(with: Data(lines[1].dropFirst("data: ".count).utf8)) as? [String: Any]
            return (String(lines[0].dropFirst("event: ".count)), try #require(data))
        }
    }
}
