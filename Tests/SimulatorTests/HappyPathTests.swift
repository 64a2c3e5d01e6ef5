import Curl
import Domain
import Foundation
import Providers
import Simulator
import TestSupport
import Testing
import Vips

/// Each dialect from submit to picture, field by field as its documents have it.
@Suite(.timeLimit(.minutes(5))) struct HappyPathTests {
    @Test(arguments: Scene.hosted) func aJobMakesAPicture(kind: ProviderKind) async throws {
        try await Scene.with(.init(kind: kind)) { scene in
            let (id, link) = try await scene.made("a red fox")
            #expect(try scene.word(try await scene.poll(id)) == scene.doneWord)
            let picture = try await scene.fetch(link)
            let formats: [ProviderKind: PictureFormat] = [.novita: .jpeg, .highway: .webp, .unified: .png, .zimageturbo: .jpeg]
            let sizes: [ProviderKind: (Int, Int)] = [
                .novita: (320, 256), .highway: (320, 256), .unified: (384, 376), .zimageturbo: (1280, 720),
            ]
            let head = try header(picture.body)
            #expect(head.format == formats[kind])
            #expect(head.width == sizes[kind]?.0 && head.height == sizes[kind]?.1)
            #expect(picture.header("content-type") == "image/\(head.format)")
            #expect(scene.book.charged == 1 && scene.book.charged(forPromptContaining: "fox") == 1)
            #expect(scene.book.calls(.poll) == 2 && scene.book.calls(.fetch) == 1)
            #expect(scene.book.submits.map(\.outcome) == [.accepted] && scene.book.submits[0].id == id)
        }
    }

    @Test func v3ResultHasTheDocumentedFields() async throws {
        try await Scene.with(.init(kind: .novita)) { scene in
            let id = try await scene.accepted("a cat", #""seed":158881667"#)
            #expect(UUID(uuidString: id) != nil && id == id.lowercased())
            let result = try await scene.poll(id).object()
            let extra = try #require(result["extra"] as? [String: Any])
            #expect(extra["seed"] as? String == "158881667")
            let times = try #require(extra["debug_info"] as? [String: String])
            #expect(["submit_time_ms", "execute_time_ms", "complete_time_ms"].allSatisfy { Int(times[$0] ?? "") ?? 0 > 0 })
            let image = try #require((result["images"] as? [[String: Any]])?.first)
            #expect(image["image_url_ttl"] as? Int == 3600 && image["image_type"] as? String == "jpeg")
            #expect(image["nsfw_detection_result"] is NSNull && (extra["has_nsfw_contents"] as? [Bool]) == [])
            #expect(result["videos"] as? [String] == [] && result["audios"] as? [String] == [])
        }
    }

    @Test func v3GivesThePictureAsBase64WhenAsked() async throws {
        for quirks in [Set<Quirk>(), [.base64DataURI]] {
            try await Scene.with(.init(kind: .highway, quirks: quirks)) { scene in
                let id = try await scene.accepted("a cat", #""enable_base64_output":true,"output_format":"png""#)
                var text = try #require(try scene.link(try await scene.poll(id)))
                if !quirks.isEmpty {
                    let prefix = "data:image/png;base64,"
                    #expect(text.hasPrefix(prefix))
                    text = String(text.dropFirst(prefix.count))
                }
                let bytes = try #require(Data(base64Encoded: text))
                #expect(try header(Array(bytes)).format == .png)
            }
        }
    }

    @Test func highwayStartsFromPictures() async throws {
        let image = Data(TestPictures.png(width: 320, height: 256, 10, 20, 200)).base64EncodedString()
        let mask = Data(TestPictures.mask(width: 320, height: 256, whiteColumns: 160)).base64EncodedString()
        try await Scene.with(.init(kind: .highway)) { scene in
            let id = try await scene.accepted("a hat", #"""
                "output_format":"png","image_url":"data:image/png;base64,\#(image)","mask":"data:image/png;base64,\#(mask)","strength":1
                """#)
            #expect(scene.book.job(id)?.order.operation == .inpaint)
            let link = try #require(try scene.link(try await scene.poll(id)))
            let bytes = try await scene.fetch(link).body
            let pixels = try Picture.decode(bytes).pixelBytes()
            #expect(Array(pixels.suffix(3)) == [10, 20, 200], "what is black in the mask is kept")
        }
    }

    @Test func unifiedTaskHasTheDocumentedFields() async throws {
        try await Scene.with(.init(kind: .unified, secondsPerJob: .infinity)) { scene in
            let made = try await scene.submit("a cat", #""size":"1:1","seed":12345,"nsfw_check":true"#).object()
            let id = try #require(made["id"] as? String)
            #expect(id.wholeMatch(of: /task-unified-[0-9]+-[0-9a-z]{8}/) != nil)
            #expect(made["object"] as? String == "image.generation.task" && made["type"] as? String == "image")
            #expect(made["status"] as? String == "pending" && made["progress"] as? Int == 0)
            let usage = try #require(made["usage"] as? [String: Any])
            #expect(usage["billing_rule"] as? String == "per_call" && usage["credits_reserved"] as? Double == 0.34)
            #expect(try await scene.poll(id).object()["results"] == nil)
            #expect(scene.book.finishAll() == 1)
            let done = try await scene.poll(id).object()
            #expect(done["progress"] as? Int == 100 && (done["results"] as? [String])?.count == 1)
            #expect((done["task_info"] as? [String: Any])?["can_cancel"] as? Bool == false)
            #expect((done["usage"] as? [String: Any])?["credits_used"] as? Double == 0.34)
            let order = try #require(scene.book.job(id)?.order)
            #expect(order.seed == 12345 && order.nsfwCheck && order.size == ImageSize(width: 1024, height: 1024))
        }
    }

    @Test func unifiedAccountRoutes() async throws {
        try await Scene.with(.init(kind: .unified, balance: 10)) { scene in
            let id = try await scene.accepted()
            let credits = try await scene.send("GET", "/v1/credits").data()
            let user = try #require(credits["user"] as? [String: Double])
            #expect(user == ["remaining_credits": 3.06, "used_credits": 0.34])
            let models = try await scene.send("GET", "/v1/models").object()["data"] as? [[String: Any]]
            #expect(models?.first?["id"] as? String == "z-image-turbo")
            let list = try await scene.send("GET", "/v1/tasks?status=completed&page=1&page_size=5").object()
            #expect(list["total"] as? Int == 1 && (list["data"] as? [[String: Any]])?.first?["id"] as? String == id)
            let batch = try await scene.send("POST", "/v1/tasks/batch", #"{"task_ids":["\#(id)","task-unified-1-00000000"]}"#).object()
            #expect((batch["data"] as? [[String: Any]])?.map { $0["id"] as? String } == [id])
        }
    }

    @Test func zimageturboResultHasTheDocumentedFields() async throws {
        try await Scene.with(.init(kind: .zimageturbo)) { scene in
            let reply = try await scene.submit().object()
            #expect(reply["code"] as? Int == 200 && reply["message"] as? String == "success")
            let data = try #require(reply["data"] as? [String: Any])
            #expect(data["status"] as? String == "IN_PROGRESS")
            let id = try #require(data["task_id"] as? String)
            let result = try await scene.poll(id).data()
            #expect(result["request"] as? [String: String] == ["prompt": "a cat", "size": "1280*720", "seed": "-1"])
            #expect(result["consumed_credits"] as? Int == 15 && result["error_message"] is NSNull)
            #expect((result["created_at"] as? String)?.wholeMatch(of: /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/) != nil)
        }
    }

    @Test func quirksChangeTypes() async throws {
        try await Scene.with(.init(kind: .zimageturbo, quirks: [.responseAsString, .numbersAsStrings, .errorsAs200])) { scene in
            let result = try await scene.poll(try await scene.accepted()).data()
            let links = try JSONSerialization.jsonObject(with: Data((result["response"] as? String ?? "").utf8)) as? [String]
            #expect(links?.count == 1 && result["consumed_credits"] as? String == "15")
            let refused = try await scene.send("POST", scene.submitPath, "{}")
            #expect(refused.status == 200)
            #expect(try refused.object()["code"] as? String == "400")
        }
        try await Scene.with(.init(kind: .novita, quirks: [.numbersAsStrings, .emptyTexts])) { scene in
            let result = try await scene.poll(try await scene.accepted()).object()
            let image = try #require((result["images"] as? [[String: Any]])?.first)
            #expect(image["image_url_ttl"] as? String == "3600" && (image["nsfw_detection_result"] as? [String: String]) == [:])
            let extra = try #require(result["extra"] as? [String: Any])
            #expect((extra["debug_info"] as? [String: String])?["submit_time_ms"] == "")
        }
        try await Scene.with(.init(kind: .highway, quirks: [.sparse])) { scene in
            let result = try await scene.poll(try await scene.accepted()).object()
            #expect(result["audios"] == nil && (result["extra"] as? [String: String]) == [:])
        }
        try await Scene.with(.init(kind: .unified, quirks: [.otherSizes, .sparse])) { scene in
            let id = try await scene.accepted("a cat", #""size":"16:9""#)
            #expect(scene.book.job(id)?.order.size == ImageSize(width: 960, height: 528))
            #expect(try await scene.poll(id).object()["usage"] == nil)
        }
    }
}
