@testable import API
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Keys
import TestSupport
import Testing

/// What the OpenAI dialect refuses: the status by which the client picks its exception, the four members of the error, and
/// nothing changed. Rows as in apis.md 5.8.
@Suite(.timeLimit(.minutes(5))) struct OpenAIRefusedTests {
    private struct Row: Sendable {
        let name: String
        var method = HTTPRequest.Method.post
        var path = OpenAI.generations
        var key: String?
        var headers: [String: String] = [:]
        var body: String?
        let status: Int
        var type = "invalid_request_error"
        var code: String?
        var param: String?
        /// Nil where the client's own rule is right.
        var shouldRetry: String?
    }

    private static func check(_ rows: [Row], _ api: APIFixture) async throws {
        for row in rows {
            let before = try await api.state()
            let reply = try await api.send(row.method, row.path, key: row.key, body: row.body.map { Array($0.utf8) }, headers: row.headers)
            #expect(reply.status == row.status, "\(row.name): \(reply.text)")
            let error = try reply.error()
            #expect(error["type"] as? String == row.type, "\(row.name): \(reply.text)")
            #expect(error["code"] as? String == row.code, "\(row.name): \(reply.text)")
            #expect(error["param"] as? String == row.param, "\(row.name): \(reply.text)")
            #expect(Set(["message", "type", "param", "code"]).isSubset(of: error.keys), "\(row.name): \(reply.text)")
            let message = try #require(error["message"] as? String)
            #expect(!message.isEmpty && message.utf8.count < 300, "\(row.name)")
            #expect(reply.header("x-should-retry") == row.shouldRetry, "\(row.name)")
            #expect(reply.header("x-request-id")?.isEmpty == false && reply.header("x-task-id") == nil, "\(row.name)")
            #expect(try await api.state() == before, "\(row.name) changed something")
        }
    }

    @Test func fields() async throws {
        let long = String(repeating: "x", count: 2001)
        var wrong: [(param: String?, body: String)] = [
            (nil, ""), (nil, "[]"), (nil, #"{"prompt":"#), ("prompt", "{}"), ("prompt", #"{"prompt":"\#(long)"}"#),
            ("prompt", #"{"prompt":" "}"#), ("prompt", #"{"prompt":7}"#), ("model", OpenAI.body().replacing("z-image-turbo", with: "")),
            ("model", #"{"prompt":"a","model":5}"#), ("n", OpenAI.body(#","n":5"#)), ("n", OpenAI.body(#","n":10"#)),
            ("n", OpenAI.body(#","n":0"#)),
            ("n", OpenAI.body(#","n":"1""#)), ("stream", OpenAI.body(#","stream":"true""#)),
            ("nsfw_check", OpenAI.body(#","nsfw_check":1"#)), ("user", OpenAI.body(#","user":1"#)),
        ]
        let words: [(String, [String])] = [
            ("size", ["", "255x512", "512x1537", "1792x1024", "1024*1024", "7:5", "square", "-1x512", "1024x1024x1"]),
            ("quality", ["", "best"]), ("style", ["anime"]), ("background", ["transparent", "none"]), ("moderation", ["off"]),
            ("response_format", ["", "json"]), ("output_format", ["gif", "svg", "jpg"]),
        ]
        for (field, values) in words { wrong += values.map { (field, OpenAI.body(#","\#(field)":"\#($0)""#)) } }
        let numbers: [(String, [String])] = [
            ("seed", ["0", "-1", "2147483648", "\"5\"", "1.5"]), ("output_compression", ["-1", "101", "true"]),
            ("partial_images", ["-1", "4", "\"1\""]), ("size", ["1024"]), ("quality", ["1"]),
        ]
        for (field, values) in numbers { wrong += values.map { (field, OpenAI.body(#","\#(field)":\#($0)"#)) } }
        try await withAPI { [wrong] api in
            let key = try await Tenant.make(api.database).keyText
            try await Self.check(
                wrong.map { Row(name: String($0.body.prefix(120)), key: key, body: $0.body, status: 400, param: $0.param) }, api)
        }
    }

    @Test func keysModelsAndRoutes() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let narrow = try await Tenant.make(api.database)
            try await api.database.rows("update api_keys set models = '{other}' where id = \(narrow.keyID)")
            let suspended = try await Tenant.make(api.database, name: "suspended")
            #expect(try await Tenants().suspend("suspended", true, in: api.database.pool))
            var rows = ["dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-2.5-flare"].map {
                Row(
                    name: $0, key: tenant.keyText, body: #"{"prompt":"a cat","model":"\#($0)"}"#, status: 404, code: "model_not_found",
                    param: "model")
            }
            rows += [(Optional<String>.none, "no key"), ("sk-proj-123", "a key of somebody else")].map {
                Row(name: $1, key: $0, body: OpenAI.body(), status: 401, code: "invalid_api_key")
            }
            rows += [
                Row(name: "models without a key", method: .get, path: "/openai/v1/models", status: 401, code: "invalid_api_key"),
                Row(
                    name: "an unknown model", method: .get, path: "/openai/v1/models/gpt-image-1", key: tenant.keyText, status: 404,
                    code: "model_not_found", param: "model"),
                Row(name: "suspended", key: suspended.keyText, body: OpenAI.body(), status: 403, type: "permission_error"),
                Row(
                    name: "a forbidden model", key: narrow.keyText, body: OpenAI.body(), status: 403, type: "permission_error",
                    param: "model"),
                Row(name: "an unknown route", path: "/openai/v1/images/variations", key: tenant.keyText, body: "{}", status: 404),
                Row(
                    name: "an idempotency key", key: tenant.keyText, headers: ["Idempotency-Key": "a b"], body: OpenAI.body(), status: 400,
                    param: "Idempotency-Key"),
                Row(
                    name: "a large body", key: tenant.keyText, body: OpenAI.body() + String(repeating: " ", count: 64 * 1024), status: 413,
                    code: "request_too_large"),
            ]
            try await Self.check(rows, api)
            let reply = try await api.openAI(#"{"prompt":"a cat","model":"dall-e-3"}"#, tenant)
            #expect(try (reply.error()["message"] as? String)?.contains("z-image-turbo") == true, "it names what there is")
        }
    }

    /// Nobody knows whether there is a task: without a key a repeated request may be a second one.
    @Test func anUnknownOutcomeIsNotRepeatedByItself() throws {
        let retry = try #require(HTTPField.Name("x-should-retry"))
        var failure = APIError(kind: .unavailable, message: "why", code: "paid_outcome_unknown", retryAfterSeconds: 5)
        let plain = OpenAIErrors.response(failure)
        #expect(plain.status == .serviceUnavailable && plain.headers[retry] == "false" && plain.headers[.retryAfter] == "5")
        failure.headers[retry] = "true"
        #expect(OpenAIErrors.response(failure).headers[retry] == "true", "with a key the route says so")
        failure.headers = [:]
        failure.code = nil
        #expect(OpenAIErrors.response(failure).headers[retry] == nil, "the client's own rule is right")
    }

    /// OpenAI's own answer to a lack of credit, which its client would repeat if it were not told.
    @Test func creditsAndLimits() async throws {
        try await withAPI { api in
            let poor = try await Tenant.make(api.database, name: "poor", credits: "0.02")
            try await Self.check(
                [
                    Row(
                        name: "no credit", key: poor.keyText, body: OpenAI.body(), status: 429, type: "insufficient_quota",
                        code: "insufficient_quota", shouldRetry: "false")
                ], api)
            let error = try await api.openAI(OpenAI.body(), poor).error()
            #expect(error["estimated_credits"] as? Double == 0.026 && error["account_balance_credits"] as? Double == 0.02)

            let hasty = try await Tenant.make(api.database, requestsPerMinute: 1, burst: 1)
            let made = try await api.madePicture()
            #expect(try await api.whileEnding({ _ in made.outcome }) { try await api.openAI(OpenAI.body(), hasty) }.status == 200)
            let refused = try await api.openAI(OpenAI.body(), hasty)
            #expect(refused.status == 429 && refused.header("x-should-retry") == nil, "the client may try again")
            #expect(try refused.error()["code"] as? String == "rate_limit_exceeded")
            #expect(refused.header("retry-after").flatMap { Int($0) }.map { $0 >= 1 } == true)
        }
    }
}
