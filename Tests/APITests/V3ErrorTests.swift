import Domain
import Foundation
import HTTPTypes
import Images
import Keys
import TestSupport
import Testing

@testable import API

/// Every wrong input of the v3 dialect: `apis.md` 1.3 names the reasons and their statuses.
@Suite(.timeLimit(.minutes(5))) struct V3ErrorTests {
    private static func wrong(_ name: String, _ body: String, _ key: String, _ words: String...) -> WrongRequest {
        WrongRequest(
            name: name, path: V3Tests.submit, key: key, body: body, status: 400,
            words: [#""reason":"INVALID_REQUEST_BODY""#] + words)
    }

    /// apis.md 1.3: `{"code": <status>, "reason", "message", "metadata": {}}`, flat.
    private static func check(_ table: [WrongRequest], _ api: APIFixture) async throws {
        try await api.check(table) { wrong, reply in
            let body = try reply.json()
            #expect(Set(body.keys) == ["code", "reason", "message", "metadata"], "\(wrong.name)")
            #expect(body["code"] as? Int == wrong.status, "\(wrong.name)")
            let message = try #require(body["message"] as? String)
            #expect(!message.isEmpty && message.utf8.count < 300, "\(wrong.name)")
            let metadata = try #require(body["metadata"] as? [String: String], "\(wrong.name): \(reply.text)")
            #expect(metadata["request_id"] == reply.header("x-request-id"), "\(wrong.name)")
        }
    }

    @Test func wrongKeysAndRights() async throws {
        try await withAPI { api in
            let good = try await Tenant.make(api.database)
            let revoked = try await Tenant.make(api.database)
            let suspended = try await Tenant.make(api.database, name: "suspended")
            let narrow = try await Tenant.make(api.database)
            #expect(try await KeyIssuer.revoke(revoked.keyID, in: api.database.pool))
            #expect(try await Tenants().suspend("suspended", true, in: api.database.pool))
            try await api.database.rows("update api_keys set models = '{other}' where id = \(narrow.keyID)")
            let forged = String(good.keyText.dropLast() + (good.keyText.hasSuffix("0") ? "1" : "0"))
            var table: [WrongRequest] = []
            for (name, key, status, reason) in [
                // apis.md 1.3: MISSING_API_KEY 400; INVALID_API_KEY 403 (submit and task-result alike); API_NOT_ALLOWED 403.
                ("no key", nil, 400, "MISSING_API_KEY"), ("a malformed key", "sk-1", 403, "INVALID_API_KEY"),
                ("a forged key", forged, 403, "INVALID_API_KEY"), ("a revoked key", revoked.keyText, 403, "INVALID_API_KEY"),
                ("a suspended account", suspended.keyText, 403, "API_NOT_ALLOWED"),
            ] as [(String, String?, Int, String)] {
                for path in [V3Tests.submit, V3Tests.textToImage] {
                    table.append(
                        WrongRequest(
                            name: name, path: path, key: key, body: V3Tests.body(""), status: status, words: [#""reason":"\#(reason)""#]))
                }
                table.append(
                    WrongRequest(
                        name: "query with \(name)", method: .get, path: V3Tests.result + "x", key: key, status: status,
                        words: [#""reason":"\#(reason)""#]))
            }
            table += [
                // apis.md 1.3: FEATURE_NOT_ALLOWED 403, API_NOT_FOUND 404; MODEL_NOT_FOUND 404 of the same page.
                WrongRequest(
                    name: "a forbidden model", path: V3Tests.submit, key: narrow.keyText, body: V3Tests.body(""), status: 403,
                    words: ["FEATURE_NOT_ALLOWED"]),
                WrongRequest(name: "an unknown route", method: .get, path: "/v3/user", status: 404, words: ["API_NOT_FOUND"]),
                WrongRequest(
                    name: "an unknown model", path: V3Tests.textToImage, key: good.keyText,
                    body: #"{"request":{"model_name":"sd_xl_base_1.0.safetensors","prompt":"a cat"}}"#, status: 404,
                    words: ["MODEL_NOT_FOUND", "z-image-turbo"]),
            ]
            try await Self.check(table, api)
        }
    }

    // apis.md 1.3: INVALID_REQUEST_BODY 400; the ranges are those of 1.1 and 2.
    @Test func wrongBodies() async throws {
        let long = String(repeating: "x", count: 2001)
        try await withAPI { api in
            let key = try await Tenant.make(api.database).keyText
            var table = [
                "", "{", "[]", "null", #""a cat""#, "{}", #"{"prompt":""}"#, #"{"prompt":" \n"}"#, #"{"prompt":5}"#,
                #"{"prompt":"\#(long)"}"#, #"{"prompt":"a\u0000b"}"#,
            ].map { Self.wrong("the body \($0.prefix(40))", $0, key) }
            let sizes = ["255*1024", "1024*255", "1537*256", "1024x1024", "1024", "1:1", "", "*", "-256*256", "256*256*3", "1e3*256"]
            table += sizes.map { Self.wrong("the size \($0)", V3Tests.body(#","size":"\#($0)""#), key, #""field":"size""#) }
            table += ["-2", "2147483648", "1.5", #""7""#, "true"].map {
                Self.wrong("the seed \($0)", V3Tests.body(#","seed":\#($0)"#), key, #""field":"seed""#)
            }
            table += [
                (#""output_format":"gif""#, "output_format"), (#""output_format":7"#, "output_format"),
                (#""enable_base64_output":"yes""#, "enable_base64_output"), (#""size":1024"#, "size"),
                // apis.md 2: mask and strength need image_url; strength 0..1.
                (#""mask":"https://example.com/m.png""#, "mask"), (#""strength":0.5"#, "strength"),
                (#""image_url":7"#, "image_url"), (#""mask":[]"#, "mask"), (#""strength":"0.5""#, "strength"),
                (#""image_url":"https://example.com/a.png","strength":1.01"#, "strength"),
                (#""image_url":"https://example.com/a.png","strength":-0.01"#, "strength"),
                (#""extra":7"#, "extra"), (#""extra":{"webhook":"https://example.com"}"#, "extra.webhook"),
                (#""extra":{"webhook":{"url":7}}"#, "extra.webhook.url"),
                (#""extra":{"webhook":{"url":"http://example.com"}}"#, "extra.webhook.url"),
                (#""extra":{"webhook":{"url":"https://127.0.0.1/"}}"#, "extra.webhook.url"),
                // apis.md 1.4: a mock event is not offered, and nothing is charged for it.
                (#""extra":{"webhook":{"url":"https://example.com","test_mode":{"enabled":true}}}"#, "extra.webhook.test_mode"),
                (#""extra":{"enable_nsfw_detection":"yes"}"#, "extra.enable_nsfw_detection"),
            ].map { Self.wrong($0.0, V3Tests.body(",\($0.0)"), key, #""field":"\#($0.1)""#) }
            let garbage = "data:image/png;base64,AAAA"
            table.append(
                WrongRequest(
                    name: "no picture", path: V3Tests.submit, key: key, body: V3Tests.body(#","image_url":"\#(garbage)""#), status: 400,
                    words: [#""reason":"INVALID_IMAGE_FORMAT""#, #""field":"image_url""#]))
            table.append(
                WrongRequest(
                    name: "a huge body", path: V3Tests.textToImage, key: key,
                    body: V3Tests.wrapped() + String(repeating: " ", count: 64 * 1024), status: 400, words: ["INVALID_REQUEST_BODY"]))
            for value in ["with space", String(repeating: "k", count: 256)] {
                var wrong = Self.wrong("a bad key", V3Tests.body(""), key, "Idempotency-Key")
                wrong.headers = ["Idempotency-Key": value]
                table.append(wrong)
            }
            try await Self.check(table, api)
        }
    }

    // apis.md 1.1: the wrapped body; what cannot be honoured is refused, INVALID_CUSTOM_OUTPUT_PATH 400 among it.
    @Test func wrongWrappedBodies() async throws {
        try await withAPI { api in
            let key = try await Tenant.make(api.database).keyText
            let fields: [(String, String)] = [
                (#""image_num":2"#, "request.image_num"), (#""image_num":0"#, "request.image_num"),
                (#""width":255"#, "request.width"), (#""height":1537"#, "request.width"), (#""width":"512""#, "request.width"),
                (#""seed":-2"#, "request.seed"), (#""loras":[{"model_name":"x","strength":1}]"#, "request.loras"),
                (#""embeddings":[{"model_name":"x"}]"#, "request.embeddings"), (#""sd_vae":"x""#, "request.sd_vae"),
                (#""hires_fix":{"target_width":1024,"target_height":1024}"#, "request.hires_fix"),
                (#""refiner":{"switch_at":0.5}"#, "request.refiner"), (#""controlnet":{"units":[{}]}"#, "request.controlnet"),
            ]
            var table = fields.map { ($0.0, V3Tests.wrapped(",\($0.0)"), $0.1, "INVALID_REQUEST_BODY") }
            table += [
                ("no request", "{}", "request", "INVALID_REQUEST_BODY"),
                ("a flat body", V3Tests.body(""), "request", "INVALID_REQUEST_BODY"),
                ("an array", #"{"request":[]}"#, "request", "INVALID_REQUEST_BODY"),
                ("no model", #"{"request":{"prompt":"a cat"}}"#, "request.model_name", "INVALID_REQUEST_BODY"),
                ("no prompt", #"{"request":{"model_name":"z-image-turbo"}}"#, "prompt", "INVALID_REQUEST_BODY"),
                ("gif", V3Tests.wrapped(extra: #"{"response_image_type":"gif"}"#), "extra.response_image_type", "INVALID_REQUEST_BODY"),
                (
                    "a bucket", V3Tests.wrapped(extra: #"{"custom_storage":{"aws_s3":{"bucket":"b"}}}"#), "extra.custom_storage",
                    "INVALID_CUSTOM_OUTPUT_PATH"
                ),
            ]
            try await Self.check(
                table.map {
                    WrongRequest(
                        name: $0.0, path: V3Tests.textToImage, key: key, body: $0.1, status: 400,
                        words: [#""field":"\#($0.2)"#, #""reason":"\#($0.3)""#])
                }, api)
        }
    }

    // apis.md 1.3: TASK_NOT_FOUND 404; a foreign task looks like none.
    @Test func wrongTaskIDs() async throws {
        try await withAPI { api in
            let mine = try await Tenant.make(api.database)
            let test = try await Tenant.make(api.database, mode: .test)
            let other = try await Tenant.make(api.database, name: "other")
            let id = try await V3Tests.submitted(api, "", key: mine.keyText)
            let unknown = ["abc", "00000000-0000-4000-8000-000000000000", id.uppercased(), id + "0", "task-unified-1-aaaaaaaa"]
            var table = (unknown.map { ($0, mine) } + [(id, other), (id, test)]).map {
                WrongRequest(
                    name: "the id \($0.0)", method: .get, path: V3Tests.result + $0.0, key: $0.1.keyText, status: 404,
                    words: [#""reason":"TASK_NOT_FOUND""#])
            }
            table += ["/v3/async/task-result", V3Tests.result].map {
                WrongRequest(
                    name: $0, method: .get, path: $0, key: mine.keyText, status: 400, words: ["INVALID_REQUEST_BODY", "task_id"])
            }
            try await Self.check(table, api)
        }
    }

    // apis.md 1.3: BILLING_BALANCE_NOT_ENOUGH 400 (there is no 402), RATE_LIMIT_EXCEEDED 429, BILLING_FAILED 500.
    @Test func moneyAndLimits() async throws {
        try await withAPI { api in
            let poor = try await Tenant.make(api.database, name: "poor", credits: "0.0259")
            let fast = try await Tenant.make(api.database, name: "fast", requestsPerMinute: 1, burst: 1)
            _ = try await V3Tests.submitted(api, "", key: fast.keyText)
            try await Self.check([
                WrongRequest(
                    name: "no credit", path: V3Tests.submit, key: poor.keyText, body: V3Tests.body(""), status: 400,
                    words: ["BILLING_BALANCE_NOT_ENOUGH", #""estimated_credits":"0.026""#, #""account_balance_credits":"0.0259""#]),
                WrongRequest(
                    name: "too fast", path: V3Tests.submit, key: fast.keyText, body: V3Tests.body(""), status: 429,
                    words: ["RATE_LIMIT_EXCEEDED"]),
            ], api)
            let limited = try await api.post(V3Tests.submit, V3Tests.body(""), key: fast.keyText)
            #expect(limited.header("retry-after").flatMap { Int($0) }.map((1...60).contains) == true)
            #expect(limited.header("ratelimit")?.hasPrefix(#""key";r=0;t="#) == true)
        }
    }

    // The rows of apis.md 1.3 that need a failing part of the service, or moderation.
    @Test(arguments: [
        (APIError.unforeseen, 500, "CREATE_TASK_FAILED"),
        (APIError(kind: .unavailable, message: "x", param: "model"), 500, "BILLING_FAILED"),
        (APIError.databaseAway, 503, "SERVICE_NOT_AVAILABLE"),
        (APIError(kind: .invalidRequest, message: "x", param: "prompt", code: "content_policy_violation"), 400, "ILLEGAL_PROMPT"),
        (
            APIError(kind: .invalidRequest, message: "x", param: "image_url", code: "content_policy_violation"), 400,
            "ILLEGAL_IMAGE_CONTENT"
        ),
    ])
    func otherFailures(error: APIError, status: Int, reason: String) {
        #expect(V3Errors.words(error) == (reason, status))
    }

    // apis.md 1.3: the reasons for pictures.
    @Test(arguments: [
        (.malformed, "INVALID_REQUEST_BODY"), (.unreachable, "INVALID_REQUEST_BODY"), (.fileTooLarge, "IMAGE_FILE_EXCEEDS_MAX_SIZE"),
        (.formatUnsupported, "INVALID_IMAGE_FORMAT"), (.damaged, "INVALID_IMAGE_FORMAT"),
        (.sizeOutOfRange, "IMAGE_EXCEEDS_MAX_RESOLUTION"), (.sizeMismatch, "INVALID_IMAGE_SIZE"),
    ] as [(InputError.Fault, String)])
    func picturesHaveReasons(fault: InputError.Fault, reason: String) {
        var failure = APIError(input: InputError(fault, .image, "It is wrong."))
        failure.code = V3Errors.reason(fault)
        #expect(V3Errors.words(failure) == (reason, 400))
    }

    // apis.md 1.2: task.reason is the failure's text; the words are those of 1.3.
    @Test(arguments: [
        ("content_policy_violation", "ILLEGAL_PROMPT"), ("image_processing_error", "INVALID_IMAGE_FORMAT"),
        ("image_dimension_mismatch", "INVALID_IMAGE_SIZE"), ("task_cancelled", "TASK_CANCELLED"), ("service_error", "TASK_FAILED"),
        ("anything else", "TASK_FAILED"),
    ])
    func failedTasksHaveAReason(code: String, word: String) {
        #expect(V3Errors.reason(code: code, message: "m") == "\(word): m")
    }

    // apis.md 1.3: GET_RESULT_FAILED 500.
    @Test func aResultThatCannotBeRead() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await V3Tests.submitted(api, "", key: tenant.keyText)
            try await api.database.rows("alter view task_views rename to broken")
            let reply = try await api.send(.get, V3Tests.result + id, key: tenant.keyText)
            #expect(reply.status == 500 && reply.text.contains(#""reason":"GET_RESULT_FAILED""#), "\(reply.text)")
            #expect(!reply.text.contains("broken"))
        }
    }
}
