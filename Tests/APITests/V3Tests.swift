import Domain
import Foundation
import HTTPTypes
import Images
import Queue
import TestSupport
import Testing

/// The v3 dialect on the wire. The rows that are cited are those of `apis.md`.
@Suite(.timeLimit(.minutes(5))) struct V3Tests {
    static let submit = "/v3/async/z-image-turbo"
    static let textToImage = "/v3/async/txt2img"
    static let result = "/v3/async/task-result?task_id="

    static func body(_ members: String) -> String { #"{"prompt":"a cat"\#(members)}"# }

    static func wrapped(_ request: String = "", extra: String = "{}") -> String {
        #"{"extra":\#(extra),"request":{"model_name":"z-image-turbo","prompt":"a cat"\#(request)}}"#
    }

    static func submitted(_ api: APIFixture, _ members: String, key: String, path: String = submit) async throws -> String {
        let reply = try await api.post(path, path == submit ? body(members) : members, key: key)
        #expect(reply.status == 200, "\(reply.text)")
        let id = try #require(try reply.json()["task_id"] as? String)
        #expect(reply.text == #"{"task_id":"\#(id)"}"#)
        return id
    }

    static func query(_ api: APIFixture, _ id: String, _ key: String) async throws -> Reply {
        let reply = try await api.send(.get, result + id, key: key)
        #expect(reply.status == 200, "\(reply.text)")
        return reply
    }

    // apis.md 1.1, 2: the union of both pages, with its limits and defaults; 1.6: success is 200 and nothing else.
    @Test func acceptsTheUnionOfBothPages() async throws {
        let bodies = [
            "", #","size":"256*256""#, #","size":"1536*256""#, #","seed":-1"#, #","seed":0"#, #","seed":2147483647"#,
            #","output_format":"jpeg""#, #","output_format":"png""#, #","output_format":"webp""#,
            #","enable_base64_output":true"#, #","enable_base64_output":false"#,
            // Null and {} are absent.
            #","size":null,"seed":null,"output_format":null,"mask":null,"strength":null,"image_url":null,"extra":null"#,
            #","extra":{}"#, #","extra":{"webhook":{}}"#, #","extra":{"webhook":null,"custom_storage":{}}"#,
            #","extra":{"webhook":{"url":"https://example.com/hook","test_mode":{"enabled":false}}}"#,
            #","loras":[],"style":"anime""#,
        ]
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            var ids: Set<String> = []
            for members in bodies { ids.insert(try await Self.submitted(api, members, key: tenant.keyText)) }
            #expect(ids.count == bodies.count)
            // apis.md 1.1: ids in examples are lower-case UUIDs.
            #expect(ids.allSatisfy { $0.wholeMatch(of: /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/) != nil })
            #expect(try await ledgerDrift(api.database) == [])
        }
    }

    @Test func storesWhatTheCustomerAskedFor() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            _ = try await Self.submitted(
                api,
                #","size":"256*300","seed":0,"output_format":"jpeg","enable_base64_output":true,"extra":{"enable_nsfw_detection":true,"#
                    + #""webhook":{"url":"https://example.com/hook"}}"#, key: tenant.keyText)
            _ = try await Self.submitted(api, "", key: tenant.keyText)
            _ = try await Self.submitted(api, Self.wrapped(#","width":640,"seed":5"#), key: tenant.keyText, path: Self.textToImage)
            let rows = try await api.database.rows(
                """
                select request->>'width', request->>'height', request->>'format', request->>'inline', request->>'nsfw_check',
                    case when (request->>'seed')::bigint > 5 then 'drawn' else request->>'seed' end, callback_url, dialect
                from tasks order by id
                """)
            #expect(rows[0] == ["256", "300", "jpeg", "true", "true", "0", "https://example.com/hook", "v3"])
            // apis.md 1.1: size 1024*1024, seed -1; 2: output_format webp.
            #expect(rows[1] == ["1024", "1024", "webp", nil, "false", "drawn", nil, "v3"])
            // apis.md 1.1: response_image_type png; 512 is what the SDK sends for a side that is not given.
            #expect(rows[2] == ["640", "512", "png", nil, "false", "5", nil, "v3"])
        }
    }

    // apis.md 2: image_url, mask (white is repainted) and strength 0..1.
    @Test func takesPictures() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let url = #""image_url":"https://example.com/a.png""#
            for (members, operation, strength) in [
                (url, "edit", "0.6"), (#"\#(url),"strength":1"#, "edit", "1.0"),
                (#"\#(url),"mask":"https://example.com/m.png","strength":0"#, "inpaint", "0.0"),
            ] {
                _ = try await Self.submitted(api, ",\(members)", key: tenant.keyText)
                #expect(
                    try await api.database.rows(
                        "select operation, request->'inputs'->>'strength' from tasks order by id desc limit 1") == [[operation, strength]])
            }
        }
    }

    // apis.md 1.6: the SDK sends every unset optional as null, and {} for custom_storage and enterprise_plan.
    @Test func acceptsWhatTheSDKSends() async throws {
        let request = #","height":512,"width":512,"image_num":1,"sd_vae":null,"steps":20,"guidance_scale":7.5,"#
            + #""sampler_name":"Euler a","seed":null,"negative_prompt":null,"loras":null,"embeddings":null,"refiner":null,"#
            + #""hires_fix":null,"clip_skip":null"#
        let extra = #"{"response_image_type":"jpeg","enable_nsfw_detection":false,"nsfw_detection_level":0,"#
            + #""custom_storage":{},"enterprise_plan":{}}"#
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            for body in [
                Self.wrapped(request, extra: extra), Self.wrapped(extra: "null"), Self.wrapped(#","loras":[],"sd_vae":"","hires_fix":{}"#),
                #"{"request":{"model_name":"z-image-turbo","prompt":"a cat","negative_prompt":"dogs"}}"#,
            ] { _ = try await Self.submitted(api, body, key: tenant.keyText, path: Self.textToImage) }
            #expect(try await api.database.rows("select request->>'format' from tasks order by id limit 1") == [["jpeg"]])
        }
    }

    // apis.md 1.2: QUEUED and PROCESSING; 1.6: before completion no debug_info, extra and arrays always.
    @Test func aTaskThatLives() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await Self.submitted(api, #","seed":7"#, key: tenant.keyText)
            let waiting = try await Self.query(api, id, tenant.keyText)
            #expect(
                waiting.text
                    == #"{"extra":{"seed":"7","enable_nsfw_detection":false,"has_nsfw_contents":[]},"task":{"task_id":"\#(id)","#
                    + #""task_type":"Z_IMAGE_TURBO","status":"TASK_STATUS_QUEUED","reason":"","eta":10,"progress_percent":0},"#
                    + #""images":[],"videos":[],"audios":[]}"#)
            _ = try await TaskQueue(leaseSeconds: 60).claim(node: "test", limit: 1, afterWallet: 0, in: api.database.pool)
            try await api.database.rows("update leases set progress = 40")
            let running = try await Self.query(api, id, tenant.keyText)
            #expect(
                running.text
                    == waiting.text.replacing("QUEUED", with: "PROCESSING").replacing(#""eta":10"#, with: #""eta":6"#)
                    .replacing(#"percent":0"#, with: #"percent":40"#))
        }
    }

    // apis.md 1.6: the safe reply, byte for byte; 1.4: the event's payload is the same bytes, extra.webhook.url echoed.
    @Test func aCompletedTaskAndItsEvent() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await Self.submitted(
                api, #","seed":7,"output_format":"png","extra":{"webhook":{"url":"https://example.com/hook"}}"#, key: tenant.keyText)
            let path = try await api.complete([1, 2, 3], format: .png)
            let times = try await api.database.rows(
                """
                select floor(extract(epoch from created_at) * 1000)::bigint, floor(extract(epoch from started_at) * 1000)::bigint,
                    floor(extract(epoch from finished_at) * 1000)::bigint, floor(extract(epoch from finished_at))::bigint from tasks
                """
            )[0].compactMap { $0.flatMap { Int64($0) } }
            let (expires, now) = (times[3] + 24 * 3600, api.clock.now)
            let reply = try await Self.query(api, id, tenant.keyText)
            #expect(
                reply.text
                    == #"{"extra":{"seed":"7","enable_nsfw_detection":false,"has_nsfw_contents":[],"#
                    + #""webhook":{"url":"https://example.com/hook"},"debug_info":{"request_info":"","#
                    + #""submit_time_ms":"\#(times[0])","execute_time_ms":"\#(times[1])","complete_time_ms":"\#(times[2])"}},"#
                    + #""task":{"task_id":"\#(id)","task_type":"Z_IMAGE_TURBO","status":"TASK_STATUS_SUCCEED","reason":"","#
                    + #""eta":0,"progress_percent":100},"images":[{"image_url":"\#(api.links.link(to: path, expiresSeconds: expires))","#
                    + #""image_url_ttl":"\#(expires - now)","image_type":"png","nsfw_detection_result":null}],"videos":[],"audios":[]}"#)
            let event = try await api.callbackBody(tenant)
            #expect(
                String(decoding: event, as: UTF8.self) == #"{"event_type":"ASYNC_TASK_RESULT","payload":\#(reply.text)}"#)
            api.clock.advance(25 * 3600)
            let later = try await Self.query(api, id, tenant.keyText)
            #expect(later.text.contains(#""image_url_ttl":"0""#))
        }
    }

    // apis.md 1.2: where the base64 goes is not documented: a data URI in image_url.
    @Test func aPictureInsideTheReply() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await Self.submitted(api, #","enable_base64_output":true"#, key: tenant.keyText)
            let bytes = [UInt8](0...255)
            let path = try await api.complete(bytes, format: .webp)
            func url() async throws -> String {
                let images = try await Self.query(api, id, tenant.keyText).json()["images"] as? [[String: Any]]
                return try #require(images?.first?["image_url"] as? String)
            }
            #expect(try await url() == "data:image/webp;base64,\(Data(bytes).base64EncodedString())")
            let event = String(decoding: try await api.callbackBody(tenant), as: UTF8.self)
            #expect(event.contains("data:image/webp;base64,"))
            // What is too large for a reply, or gone, is a link.
            try await api.store.put([UInt8](repeating: 0, count: Limits.inlineImageBytesMax + 1), at: path)
            #expect(try await url().hasPrefix("https://images.test/images/\(path.text)?"))
            try await api.store.delete(path)
            #expect(try await url().hasPrefix("https://images.test/images/\(path.text)?"))
        }
    }

    // apis.md 1.2: TASK_STATUS_FAILED with a reason; 6.6: there is no cancelled state, and the SDK crashes on a fifth.
    @Test func aTaskThatFailedOrWasCancelled() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            for (failure, word) in [(TaskFailure.policyViolation, "ILLEGAL_PROMPT"), (.timeout, "TASK_FAILED")] {
                let id = try await Self.submitted(api, "", key: tenant.keyText)
                try await api.finish { _ in .failed(code: failure.rawValue, message: failure.message) }
                let task = try #require(try await Self.query(api, id, tenant.keyText).json()["task"] as? [String: Any])
                #expect(task["status"] as? String == "TASK_STATUS_FAILED")
                #expect(task["reason"] as? String == "\(word): \(failure.message)")
            }
            let id = try await Self.submitted(api, "", key: tenant.keyText)
            try await api.cancelAll()
            let reply = try await Self.query(api, id, tenant.keyText)
            #expect(reply.text.contains(#""status":"TASK_STATUS_FAILED","reason":"TASK_CANCELLED: The task was cancelled; you were not"#))
            // Nothing was begun, so that one of the three times is not known.
            #expect(!reply.text.contains("debug_info") && reply.text.contains(#""images":[]"#))
            #expect(try await tenant.credits(api.database) == [1_000_000, 0, 0])
        }
    }

    @Test func aRepeatedKeyGetsTheSameBytes() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database, requestsPerMinute: 1, burst: 2)
            let first = try await api.post(Self.submit, Self.body(""), key: tenant.keyText, idempotencyKey: "once")
            let state = try await api.state()
            let second = try await api.post(Self.submit, Self.body(""), key: tenant.keyText, idempotencyKey: "once")
            #expect(second.bytes == first.bytes && second.header("idempotency-replayed") == "true")
            #expect(first.header("ratelimit") == #""key";r=1;t=60"#)
            #expect(first.header("ratelimit-policy") == #""key";q=2;w=120"#)
            #expect(try await api.state() == state)
            // Another route is another request.
            let other = try await api.post(Self.textToImage, Self.wrapped(), key: tenant.keyText, idempotencyKey: "once")
            #expect(other.status == 422 && other.text.contains(#""reason":"IDEMPOTENCY_CONFLICT""#), "\(other.text)")
            #expect(try await api.state() == state)
        }
    }
}
