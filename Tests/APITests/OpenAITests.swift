import Domain
import Foundation
import HTTPTypes
import Images
import Queue
import TestSupport
import Testing

/// The OpenAI dialect as apis.md 5.8 has it: good requests, and what becomes of their tasks.
@Suite(.timeLimit(.minutes(5))) struct OpenAITests {
    @Test func aRequestWaitsAndGetsALink() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let made = try await api.madePicture()
            let reply = try await api.whileEnding({ _ in made.outcome }) { try await api.openAI(OpenAI.body(), tenant) }
            let row = try await api.database.rows(
                "select floor(extract(epoch from created_at))::bigint, floor(extract(epoch from finished_at))::bigint from tasks")[0]
            let finished = try #require(row[1].flatMap { Int64($0) })
            let link = api.links.link(to: made.path, expiresSeconds: finished + 24 * 3600)
            let usage =
                #"{"input_tokens":0,"input_tokens_details":{"image_tokens":0,"text_tokens":0},"output_tokens":0,"#
                + #""total_tokens":0,"credits_used":0.026}"#
            #expect(reply.status == 200)
            #expect(
                reply.text == #"{"created":\#(row[0] ?? ""),"data":[{"url":"\#(link)"}],"size":"1024x1024","quality":"high","#
                    + #""background":"opaque","output_format":"png","usage":\#(usage)}"#)
            let id = try #require(reply.header("x-task-id"))
            #expect(try await api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText).json()["status"] as? String == "completed")
            #expect(reply.header("x-request-id")?.isEmpty == false)
            #expect(try await api.storedRequest("dialect, operation::text, request->>'format'") == ["openai", "generate", "png"])
            #expect(try await tenant.credits(api.database) == [974_000, 0, 26_000])
        }
    }

    @Test func aRequestGetsThePictureItselfInTheFormatAskedFor() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let size = ImageSize(width: 1280, height: 720)
            let made = try await api.madePicture([7, 8, 9], format: .webp, size: size)
            let body = OpenAI.body(
                #","response_format":"b64_json","output_format":"webp","size":"16:9","quality":"low","seed":77,"n":1,"#
                    + #""nsfw_check":true,"user":"u","style":"vivid","moderation":"low","background":"opaque","output_compression":50"#)
            let reply = try await api.whileEnding({ _ in made.outcome }) { try await api.openAI(body, tenant) }
            let data = try #require(try reply.json()["data"] as? [[String: String]])
            #expect(data == [["b64_json": Data([7, 8, 9]).base64EncodedString()]])
            #expect(try reply.json()["output_format"] as? String == "webp")
            #expect(try reply.json()["size"] as? String == "1280x720" && reply.json()["quality"] as? String == "low")
            #expect(
                try await api.storedRequest(
                    "request->>'width', request->>'height', request->>'seed', request->>'format', request->>'nsfw_check'")
                    == ["1280", "720", "77", "webp", "true"])
        }
    }

    /// The SDK takes an event from `type` in its data, and raises for one with `error`.
    @Test(arguments: [true, false]) func aStreamEndsWithOneEvent(completes: Bool) async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let made = try await api.madePicture()
            let failure = TaskFailure.policyViolation
            let outcome = completes ? made.outcome : .failed(code: failure.rawValue, message: failure.message)
            let reply = try await api.whileEnding({ _ in outcome }) {
                try await api.openAI(OpenAI.body(#","stream":true,"partial_images":2,"quality":"auto""#), tenant)
            }
            #expect(reply.status == 200 && reply.header("content-type") == "text/event-stream")
            #expect(reply.header("x-task-id")?.hasPrefix("task-unified-") == true)
            let lines = reply.text.split(separator: "\n").filter { !$0.hasPrefix(":") }
            #expect(lines.count == 2 && reply.text.hasSuffix("\n\n"))
            #expect(lines[0] == (completes ? "event: image_generation.completed" : "event: error"))
            let event = try #require(
                try JSONSerialization.jsonObject(with: Data(lines[1].dropFirst("data: ".count).utf8)) as? [String: Any])
            if completes {
                #expect(event["type"] as? String == "image_generation.completed" && event["b64_json"] as? String == "AQID")
                #expect(event["created_at"] is Int && event["size"] as? String == "1024x1024")
                #expect(event["output_format"] as? String == "png" && event["background"] as? String == "opaque")
                #expect((event["usage"] as? [String: Any])?["total_tokens"] as? Int == 0)
            } else {
                let error = try #require(event["error"] as? [String: Any])
                #expect(error["code"] as? String == "content_policy_violation" && error["message"] as? String == failure.message)
                #expect(try await tenant.credits(api.database) == [1_000_000, 0, 0])
            }
        }
    }

    @Test func aRepeatedRequestIsTheSameTask() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let made = try await api.madePicture()
            let first = try await api.whileEnding({ _ in made.outcome }) {
                try await api.openAI(OpenAI.body(), tenant, idempotencyKey: "k")
            }
            let second = try await api.openAI(OpenAI.body(), tenant, idempotencyKey: "k")
            #expect(second.bytes == first.bytes && second.header("idempotency-replayed") == "true")
            #expect(second.header("x-task-id") == first.header("x-task-id"))
            let third = try await api.openAI(OpenAI.body(#","response_format":"b64_json""#), tenant, idempotencyKey: "k")
            let data = try #require(try third.json()["data"] as? [[String: String]])
            #expect(data == [["b64_json": "AQID"]], "the same picture otherwise")
            let other = try await api.openAI(OpenAI.body(#","size":"512x512""#), tenant, idempotencyKey: "k")
            #expect(other.status == 422)
            #expect(try other.error()["code"] as? String == "idempotency_conflict")
            #expect(try await api.database.number("select count(*) from tasks") == 1)
            #expect(try await tenant.credits(api.database) == [974_000, 0, 26_000])
            try await api.store.delete(made.path)
            let late = try await api.openAI(OpenAI.body(#","response_format":"b64_json""#), tenant, idempotencyKey: "k")
            #expect(try late.status == 410 && late.error()["code"] as? String == "image_expired")
            #expect(late.header("x-should-retry") == "false")
        }
    }

    /// The client repeats 504 by itself, which would be a second paid task.
    @Test func aWaitThatEndsNamesTheTaskAndForbidsARetry() async throws {
        try await withAPI(imageWaitSeconds: 0) { api in
            let tenant = try await Tenant.make(api.database)
            for stream in [false, true] {
                let reply = try await api.openAI(OpenAI.body(#","stream":\#(stream)"#), tenant, idempotencyKey: "\(stream)")
                let id = try #require(reply.header("x-task-id"))
                let text = reply.text.split(separator: "data: ").last ?? ""
                let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
                let error = try #require(json["error"] as? [String: Any])
                #expect(error["code"] as? String == "task_unfinished" && error["type"] as? String == "server_error")
                #expect((error["message"] as? String)?.contains("GET /v1/tasks/\(id)") == true)
                #expect(reply.status == (stream ? 200 : 504))
                if !stream { #expect(reply.header("x-should-retry") == "false") }
            }
            let again = try await api.openAI(OpenAI.body(), tenant, idempotencyKey: "false")
            #expect(again.status == 504 && again.header("idempotency-replayed") == "true")
            #expect(try await api.database.number("select count(*) from tasks") == 2)
        }
    }

    /// Row by row what the client makes an exception of; each says not to repeat it, because there was a task.
    @Test func aFailedTask() async throws {
        let rows: [(code: String, status: Int, type: String, param: String?)] = [
            (TaskFailure.generationFailed.rawValue, 500, "server_error", nil),
            (TaskFailure.serviceError.rawValue, 500, "server_error", nil),
            (TaskFailure.timeout.rawValue, 504, "server_error", nil),
            (TaskFailure.policyViolation.rawValue, 400, "invalid_request_error", "prompt"),
            ("image_processing_error", 400, "invalid_request_error", "image_url"),
        ]
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            for row in rows {
                let reply = try await api.whileEnding({ _ in .failed(code: row.code, message: "image_url: why") }) {
                    try await api.openAI(OpenAI.body(), tenant)
                }
                #expect(reply.status == row.status, "\(reply.text)")
                let error = try reply.error()
                #expect(error["code"] as? String == row.code && error["type"] as? String == row.type)
                #expect(error["param"] as? String == row.param && error["message"] as? String == "image_url: why")
                #expect(reply.header("x-should-retry") == "false" && reply.header("x-task-id") != nil)
                #expect(try await tenant.credits(api.database) == [1_000_000, 0, 0])
            }
        }
    }

    @Test func models() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let list = try await api.send(.get, "/openai/v1/models", key: tenant.keyText)
            let model = #"{"id":"z-image-turbo","object":"model","created":0,"owned_by":"system"}"#
            #expect(list.status == 200 && list.text == #"{"object":"list","data":[\#(model)]}"#)
            #expect(try await api.send(.get, "/openai/v1/models/z-image-turbo", key: tenant.keyText).text == model)
        }
    }
}
