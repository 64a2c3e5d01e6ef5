import Domain
import Foundation
import HTTPTypes
import Images
import Queue
import TestSupport
import Testing

/// The zimageturbo.ai dialect on the wire: `apis.md` 4.
@Suite(.timeLimit(.minutes(5))) struct ZImageTurboTests {
    private static let submit = "/api/generate"
    private static let status = "/api/status?task_id="
    private static let body = #"{"prompt":"a cat","aspect_ratio":"16:9"}"#

    private static func submitted(_ api: APIFixture, _ key: String, _ body: String = body) async throws -> String {
        let reply = try await api.post(submit, body, key: key)
        #expect(reply.status == 200, "\(reply.text)")
        let id = try #require((try reply.json()["data"] as? [String: Any])?["task_id"] as? String)
        // apis.md 4: the reply to a submit.
        #expect(reply.text == #"{"code":200,"message":"success","data":{"task_id":"\#(id)","status":"IN_PROGRESS"}}"#)
        #expect(id.wholeMatch(of: /task_[0-9a-z]{8}/) != nil)
        return id
    }

    // apis.md 4: prompt of at most 1000 characters, five ratios, unknown fields ignored; 6.2: ratios are pixel sizes.
    @Test func acceptsTheLimitsThemselves() async throws {
        let sizes = ["1:1": "1024x1024", "4:3": "1152x864", "3:4": "864x1152", "16:9": "1280x720", "9:16": "720x1280"]
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            for (ratio, size) in sizes {
                let prompt = String(repeating: "\u{1F431}", count: 1000)
                _ = try await Self.submitted(
                    api, tenant.keyText,
                    #"{"prompt":"\#(prompt)","aspect_ratio":"\#(ratio)","negative_prompt":"x","width":7,"model":"m","seed":"?"}"#)
                let stored = try await api.database.rows(
                    "select format('%sx%s', request->>'width', request->>'height'), dialect from tasks order by id desc limit 1")
                #expect(stored == [[size, "zimageturbo"]])
            }
            #expect(try await ledgerDrift(api.database) == [])
        }
    }

    // apis.md 4: the reply to a query, byte for byte, with the task's real credits.
    @Test func aTaskToItsPicture() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await Self.submitted(api, tenant.keyText)
            let facts = try await api.database.rows(
                "select request->>'seed', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') from tasks")[0]
            let (seed, created) = (facts[0] ?? "", facts[1] ?? "")
            func text(_ status: String, _ response: String, _ credits: String, _ error: String = "null") -> String {
                #"{"code":200,"message":"success","data":{"status":"\#(status)","task_id":"\#(id)","request":{"prompt":"a cat","#
                    + #""size":"1280*720","seed":"\#(seed)"},"response":[\#(response)],"consumed_credits":\#(credits),"#
                    + #""created_at":"\#(created)","error_message":\#(error)}}"#
            }
            let waiting = try await api.send(.get, Self.status + id, key: tenant.keyText)
            #expect(waiting.status == 200 && waiting.text == text("IN_PROGRESS", "", "0"))
            let path = try await api.complete([1, 2, 3], format: .webp)
            let finished = try await api.database.number("select floor(extract(epoch from finished_at))::bigint from tasks")
            let link = api.links.link(to: path, expiresSeconds: finished + 24 * 3600)
            let done = try await api.send(.get, Self.status + id, key: tenant.keyText)
            #expect(done.text == text("SUCCESS", "\"\(link)\"", "0.026"))
            #expect(try await api.callbackBody(tenant) == done.bytes)
        }
    }

    // apis.md 4: FAILED with error_message; 6.6: no word for cancelled; failed tasks are free.
    @Test func aTaskThatFailedOrWasCancelled() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            for fails in [true, false] {
                let id = try await Self.submitted(api, tenant.keyText)
                if fails { try await api.finish { _ in .failed(code: "service_error", message: "no") } } else { try await api.cancelAll() }
                let data = try await api.send(.get, Self.status + id, key: tenant.keyText).json()["data"] as? [String: Any]
                #expect(data?["status"] as? String == "FAILED" && data?["consumed_credits"] as? Int == 0)
                #expect(data?["error_message"] as? String == (fails ? "no" : "The task was cancelled; you were not charged."))
            }
        }
    }

    // apis.md 4: 401 invalid key, 402 balance, 429 rate; `{"code": <status>, "message", "data": null}` with that status.
    @Test func everyError() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let other = try await Tenant.make(api.database, name: "other")
            let poor = try await Tenant.make(api.database, name: "poor", credits: "0")
            let fast = try await Tenant.make(api.database, name: "fast", requestsPerMinute: 1, burst: 1)
            _ = try await Self.submitted(api, fast.keyText)
            let id = try await Self.submitted(api, tenant.keyText)
            func wrong(_ body: String, _ word: String) -> WrongRequest {
                WrongRequest(name: body, path: Self.submit, key: tenant.keyText, body: body, status: 400, words: [word])
            }
            func query(_ path: String, _ key: String?, _ status: Int) -> WrongRequest {
                WrongRequest(name: path, method: .get, path: path, key: key, status: status)
            }
            let long = String(repeating: "x", count: 1001)
            let table = [
                WrongRequest(name: "no key", path: Self.submit, body: Self.body, status: 401, words: ["API key"]),
                WrongRequest(name: "a bad key", path: Self.submit, key: "sk-1", body: Self.body, status: 401),
                WrongRequest(
                    name: "no credit", path: Self.submit, key: poor.keyText, body: Self.body, status: 402,
                    words: ["Insufficient quota; suggestion: add credits to your account"]),
                WrongRequest(name: "too fast", path: Self.submit, key: fast.keyText, body: Self.body, status: 429, words: ["retry after"]),
                wrong("", "empty"), wrong("[]", "JSON object"), wrong("{}", "prompt"), wrong(#"{"prompt":5}"#, "prompt"),
                wrong(#"{"prompt":"\#(long)","aspect_ratio":"1:1"}"#, "1000"), wrong(#"{"prompt":"a cat"}"#, "aspect_ratio"),
                wrong(#"{"prompt":"a cat","aspect_ratio":null}"#, "aspect_ratio"),
                wrong(#"{"prompt":"a cat","aspect_ratio":"2:3"}"#, "1:1, 4:3, 3:4, 16:9, 9:16"),
                wrong(#"{"prompt":"a cat","aspect_ratio":"1024x1024"}"#, "aspect_ratio"),
                wrong(#"{"prompt":"a cat","aspect_ratio":1}"#, "string"),
                query(Self.status + id, nil, 401), query(Self.status + id, other.keyText, 404), query("/api/status", tenant.keyText, 400),
                query(Self.status + "task_00000000", tenant.keyText, 404),
                query(Self.status + String(id.dropFirst(5)), tenant.keyText, 404),
                query("/api/nothing", nil, 404),
            ]
            try await api.check(table) { wrong, reply in
                let body = try reply.json()
                #expect(Set(body.keys) == ["code", "message", "data"] && body["data"] is NSNull, "\(wrong.name): \(reply.text)")
                #expect(body["code"] as? Int == wrong.status && (body["message"] as? String)?.isEmpty == false, "\(wrong.name)")
                #expect((reply.header("retry-after") != nil) == (wrong.status == 429), "\(wrong.name)")
            }
        }
    }

    @Test func aRepeatedKeyGetsTheSameBytes() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let first = try await api.post(Self.submit, Self.body, key: tenant.keyText, idempotencyKey: "once")
            let second = try await api.post(Self.submit, Self.body, key: tenant.keyText, idempotencyKey: "once")
            #expect(first.status == 200 && second.bytes == first.bytes && second.header("idempotency-replayed") == "true")
            let changed = Self.body.replacing("16:9", with: "9:16")
            #expect(try await api.post(Self.submit, changed, key: tenant.keyText, idempotencyKey: "once").status == 422)
            #expect(try await api.database.number("select count(*) from tasks") == 1)
        }
    }
}
