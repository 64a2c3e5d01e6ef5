import Domain
import Foundation
import HTTPTypes
import Keys
import TestSupport
import Testing

/// One wrong request and the answer that it must get.
private struct Wrong: Sendable {
    enum Code: Equatable { case number(Int), word(String) }

    let name: String
    var method = HTTPRequest.Method.post
    var path = APIFixture.submitPath
    var key: String?
    var headers: [String: String] = [:]
    var body: [UInt8]?
    let status: Int
    let type: String
    var code: Code?
    var param: String?
    var suggestion: String?
}

/// Every wrong input: its answer says what is wrong and where, and nothing at all has changed.
@Suite(.timeLimit(.minutes(5))) struct RefusedInputTests {
    // apis.md 3.3: 401 authentication_error, 403 permission_error.
    @Test func wrongKeys() async throws {
        try await withAPI { api in
            let good = try await Tenant.make(api.database)
            let revoked = try await Tenant.make(api.database)
            let expired = try await Tenant.make(api.database)
            let gone = try await Tenant.make(api.database)
            let suspended = try await Tenant.make(api.database, name: "suspended")
            #expect(try await KeyIssuer.revoke(revoked.keyID, in: api.database.pool))
            try await api.database.rows(
                """
                update api_keys set expires_at = now() - interval '1 second' where id = \(expired.keyID);
                delete from api_keys where id = \(gone.keyID)
                """)
            #expect(try await Tenants().suspend("suspended", true, in: api.database.pool))
            let last: Character = good.keyText.hasSuffix("0") ? "1" : "0"
            let forged = good.keyText.dropLast() + [last]
            let keys: [(String, String?, Int, String)] = [
                ("no key", nil, 401, "authentication_error"),
                ("an empty key", "", 401, "authentication_error"),
                ("a malformed key", "sk-evo-123", 401, "authentication_error"),
                ("a long key", String(repeating: "k", count: 5000), 401, "authentication_error"),
                ("a forged key", String(forged), 401, "authentication_error"),
                ("a key that was deleted", gone.keyText, 401, "authentication_error"),
                ("a revoked key", revoked.keyText, 401, "authentication_error"),
                ("an expired key", expired.keyText, 401, "authentication_error"),
                ("a suspended account", suspended.keyText, 403, "permission_error"),
            ]
            var table: [Wrong] = []
            for (name, key, status, type) in keys {
                table.append(Wrong(name: name, key: key, body: Self.bytes(Self.body("")), status: status, type: type))
                table.append(
                    Wrong(
                        name: "query with \(name)", method: .get, path: "/v1/tasks/task-unified-1-aaaaaaaa", key: key,
                        status: status, type: type))
            }
            table.append(
                Wrong(
                    name: "another scheme", headers: ["Authorization": "Basic \(good.keyText)"],
                    body: Self.bytes(Self.body("")), status: 401, type: "authentication_error"))
            try await Self.check(table, api)
        }
    }

    // apis.md 3.3: 400 invalid_request_error, 413 request_too_large_error.
    @Test func wrongBodies() async throws {
        let padding = [UInt8](repeating: 32, count: 28 * 1024 * 1024)
        let huge = [UInt8](repeating: 120, count: 40 * 1024 * 1024)
        // Where only one text is at fault, the answer names it.
        let unreadable: [(String, [UInt8])] = [
            ("not UTF-8", Self.bytes(#"{"model":"z-image-turbo","prompt":""#) + [0xff, 0xfe, 0x22, 0x7d]),
            ("half a surrogate pair", Self.bytes(Self.prompt(#""\ud800""#))),
        ]
        let malformed: [(String, [UInt8])] = [
            ("an empty body", []), ("broken JSON", Self.bytes(#"{"model":"z-image-turbo","prompt":"#)),
            ("an array", Self.bytes(#"["z-image-turbo"]"#)), ("a text", Self.bytes(#""z-image-turbo""#)),
            ("null", Self.bytes("null")), ("very deep JSON", [UInt8](repeating: 91, count: 60_000)),
        ]
        try await withAPI { api in
            let key = try await Tenant.make(api.database).keyText
            var table = malformed.map {
                Wrong(name: $0.0, key: key, body: $0.1, status: 400, type: "invalid_request_error")
            }
            table += unreadable.map {
                Wrong(name: $0.0, key: key, body: $0.1, status: 400, type: "invalid_request_error", param: "prompt")
            }
            for (name, body) in [("28 MiB and more", Self.bytes(Self.body("")) + padding), ("40 MiB", huge)] {
                table.append(
                    Wrong(
                        name: name, key: key, body: body, status: 413, type: "request_too_large_error",
                        suggestion: "send smaller pictures or name them by URL"))
            }
            try await Self.check(table, api)
        }
    }

    // apis.md 3.1: the fields and their bounds; one picture per task.
    @Test func wrongFields() async throws {
        let long = String(repeating: "x", count: 2001)
        let fields: [(param: String, body: String)] = [
            ("prompt", #"{"model":"z-image-turbo"}"#), ("prompt", Self.prompt(#""""#)),
            ("prompt", Self.prompt(#""  \n\t ""#)), ("prompt", Self.prompt("null")), ("prompt", Self.prompt("5")),
            ("prompt", Self.prompt(#"["a"]"#)), ("prompt", Self.prompt(#""\#(long)""#)),
            ("prompt", Self.prompt(#""\#(String(repeating: "\u{1F431}", count: 2001))""#)),
            ("prompt", Self.prompt(#""\#(String(repeating: "e\u{301}", count: 1000))x""#)),
            ("prompt", Self.prompt(#""a\u0000b""#)),
            ("model", #"{"prompt":"a cat"}"#), ("model", #"{"model":"","prompt":"a cat"}"#),
            ("model", #"{"model":7,"prompt":"a cat"}"#),
            ("model", #"{"model":"\#(String(repeating: "m", count: 129))","prompt":"a cat"}"#),
            ("model", #"{"model":"z\u0000","prompt":"a cat"}"#),
            ("nsfw_check", Self.body(#","nsfw_check":"yes""#)), ("nsfw_check", Self.body(#","nsfw_check":1"#)),
        ]
        let sizes = [
            "375x1024", "1024x375", "1537x1024", "1024x1537", "7:5", "1024X768", "1024*768", "1024x", "x768", "x", "",
            " 1:1", "1:1 ", "auto", "-512x512", "+512x512", "512.0x512", "1024x768x3", "99999999999999999999x512", "\u{0661}024x768",
        ]
        let counts = ["0", "5", "10", "9223372036854775807", "-1", "1.5", "\"1\"", "true"]
        let seeds = ["0", "-1", "2147483648", "\"5\"", "1.5", "1e99", "99999999999999999999", "true", "[1]"]
        let urls = [
            "http://example.com/x", "ftp://example.com", "example.com/x", "https://", "https://127.0.0.1/x",
            "https://10.1.2.3/", "https://172.16.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest",
            "https://2130706433/", "https://0x7f.0.0.1/", "https://017700000001/", "https://127.1/", "https://[::1]/",
            "https://[::ffff:127.0.0.1]/", "https://localhost/", "https://LOCALHOST./", "https://example.com:8080/",
            "https://user:pass@example.com/", "https://example.com/a b", "https://example.com/#x",
            "https://example.com/\(String(repeating: "c", count: 2048 - 19))",
        ]
        try await withAPI { api in
            let key = try await Tenant.make(api.database).keyText
            var all = fields
            all += sizes.map { ("size", Self.body(#","size":"\#($0)""#)) } + [("size", Self.body(#","size":1024"#))]
            all += counts.map { ("n", Self.body(#","n":\#($0)"#)) }
            all += seeds.map { ("seed", Self.body(#","seed":\#($0)"#)) }
            all += urls.map { ("callback_url", Self.body(#","callback_url":"\#($0)""#)) }
            all += [("callback_url", Self.body(#","callback_url":true"#))]
            try await Self.check(
                all.map {
                    Wrong(
                        name: String($0.body.prefix(120)), key: key, body: Self.bytes($0.body), status: 400,
                        type: "invalid_request_error", param: $0.param)
                }, api)
        }
    }

    // apis.md 3.3: 403 and 404 with the model as their param.
    @Test func wrongModelsAndHeaders() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let narrow = try await Tenant.make(api.database)
            try await api.database.rows("update api_keys set models = '{other}' where id = \(narrow.keyID)")
            try await api.database.rows("insert into models (name) values ('unpriced')")
            var table = [
                Wrong(
                    name: "an unknown model", key: tenant.keyText,
                    body: Self.bytes(#"{"model":"z-image-ultra","prompt":"a cat"}"#), status: 404,
                    type: "not_found_error", param: "model", suggestion: "z-image-turbo"),
                // apis.md 3.3: 503 service_unavailable_error.
                Wrong(
                    name: "a model without a price", key: tenant.keyText,
                    body: Self.bytes(#"{"model":"unpriced","prompt":"a cat"}"#), status: 503,
                    type: "service_unavailable_error", param: "model", suggestion: "ask the operator"),
                Wrong(
                    name: "a forbidden model", key: narrow.keyText, body: Self.bytes(Self.body("")), status: 403,
                    type: "permission_error", param: "model"),
                Wrong(name: "an unknown route", method: .get, path: "/v2/nothing", status: 404, type: "not_found_error"),
                Wrong(name: "another method", method: .delete, path: APIFixture.submitPath, status: 404, type: "not_found_error"),
            ]
            for value in ["", "with space", String(repeating: "k", count: 256), "caf\u{e9}", "tab\there"] {
                table.append(
                    Wrong(
                        name: "Idempotency-Key '\(value)'", key: tenant.keyText, headers: ["Idempotency-Key": value],
                        body: Self.bytes(Self.body("")), status: 400, type: "invalid_request_error",
                        param: "Idempotency-Key"))
            }
            try await Self.check(table, api)
        }
    }

    // apis.md 3.2: the error for a malformed id, whose code is a word.
    @Test func wrongTaskIDs() async throws {
        try await withAPI { api in
            let mine = try await Tenant.make(api.database)
            let test = try await Tenant.make(api.database, mode: .test)
            let other = try await Tenant.make(api.database, name: "other")
            let id = try await api.submitted(mine.keyText)
            var table = ["abc", "task-other-1757165031-uyujaw3d", "TASK-UNIFIED-1-aaaaaaaa", "1"].map {
                Wrong(
                    name: "the id \($0)", method: .get, path: "/v1/tasks/\($0)", key: mine.keyText, status: 400,
                    type: "invalid_request_error", code: .word("invalid_task_id"), param: "task_id")
            }
            let unknown = [
                "task-unified-1757165031-uyujaw3d", "task-unified-", "task-unified-0-\(id.suffix(8))",
                "task-unified-1-\(id.suffix(8))", id + "0", String(id.dropLast()),
                id.uppercased().replacing("TASK-UNIFIED", with: "task-unified"),
            ].filter { $0 != id }.map { ($0, mine.keyText) }
            for (text, key) in unknown + [(id, other.keyText), (id, test.keyText)] {
                table.append(
                    Wrong(
                        name: "the id \(text)", method: .get, path: "/v1/tasks/\(text)", key: key, status: 404,
                        type: "not_found_error", code: .word("task_not_found"), param: "task_id"))
            }
            try await Self.check(table, api)

            let texts = try await [(table[4].path, mine), ("/v1/tasks/\(id)", other), ("/v1/tasks/\(id)", test)]
                .asyncMap { try await api.send(.get, $0.0, key: $0.1.keyText).textWithoutRequestID }
            #expect(Set(texts).count == 1, "nobody can tell a foreign task from none: \(texts)")
        }
    }

    /// Sends each request and compares the whole error and the whole state.
    private static func check(_ table: [Wrong], _ api: APIFixture) async throws {
        for wrong in table {
            let before = try await api.state()
            let reply = try await api.send(
                wrong.method, wrong.path, key: wrong.key, body: wrong.body, headers: wrong.headers)
            #expect(reply.status == wrong.status, "\(wrong.name): \(reply.text)")
            let error = try reply.error()
            switch wrong.code ?? .number(wrong.status) {
            case .number(let code): #expect(error["code"] as? Int == code, "\(wrong.name): \(reply.text)")
            case .word(let code): #expect(error["code"] as? String == code, "\(wrong.name): \(reply.text)")
            }
            #expect(error["type"] as? String == wrong.type, "\(wrong.name)")
            #expect(error["param"] as? String == wrong.param, "\(wrong.name): \(reply.text)")
            if let suggestion = wrong.suggestion {
                #expect(error["fallback_suggestion"] as? String == suggestion, "\(wrong.name)")
            }
            let message = try #require(error["message"] as? String)
            #expect(!message.isEmpty && message.utf8.count < 300, "\(wrong.name)")
            let id = try #require(reply.header("X-Request-Id"), "\(wrong.name)")
            #expect(!id.isEmpty && error["request_id"] as? String == id, "\(wrong.name)")
            #expect(reply.header("content-type") == "application/json")
            #expect((reply.header("www-authenticate") == "Bearer") == (wrong.status == 401), "\(wrong.name)")
            #expect(try await api.state() == before, "\(wrong.name) changed something")
        }
    }

    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
    private static func body(_ members: String) -> String { #"{"model":"z-image-turbo","prompt":"a cat"\#(members)}"# }
    private static func prompt(_ json: String) -> String { #"{"model":"z-image-turbo","prompt":\#(json)}"# }
}

extension Array {
    fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
        var result: [T] = []
        for element in self { result.append(try await transform(element)) }
        return result
    }
}
