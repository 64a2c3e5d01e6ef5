import HTTPTypes
import TestSupport
import Testing

/// What a generous reader accepts: the limits themselves, nulls and fields that it does not know.
@Suite(.timeLimit(.minutes(5))) struct AcceptedInputTests {
    private static func body(_ members: String) -> String { #"{"model":"z-image-turbo","prompt":"a cat"\#(members)}"# }

    private static func prompt(_ text: String) -> String { #"{"model":"z-image-turbo","prompt":"\#(text)"}"# }

    // apis.md 3.1: sizes by ratio and by pixels (also those that the enum leaves out), seeds, callback, prompt.
    @Test func acceptsTheLimitsThemselves() async throws {
        let bodies = [
            Self.body(""), Self.body(#","size":null,"seed":null,"nsfw_check":null,"callback_url":null"#),
            Self.body(#","style":"anime","n":1,"extra":{"deep":[1,{"x":null}]},"Size":7"#),
            Self.prompt(String(repeating: "x", count: 2000)),
            // 1,000 letters with an accent each: a thousand for people, 2,000 scalars.
            Self.prompt(String(repeating: "e\u{301}", count: 1000)),
            Self.prompt(String(repeating: "\u{1F431}", count: 2000)), Self.prompt(#"\ud83d\ude00 \"quoted\" \\ \n"#),
            Self.body(#","size":"376x1536""#), Self.body(#","size":"1536x376""#), Self.body(#","size":"1024x768""#),
            Self.body(#","seed":1"#), Self.body(#","seed":2147483647"#),
            Self.body(#","nsfw_check":true"#), Self.body(#","nsfw_check":false"#),
            Self.body(#","callback_url":"https://example.com/hook?x=1""#),
            Self.body(#","callback_url":"https://example.com/\#(String(repeating: "c", count: 2048 - 20))""#),
            Self.body("") + String(repeating: " ", count: 64 * 1024 - Self.body("").utf8.count),
        ]
        let ratios = ["1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "1:2", "2:1"]
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            for body in bodies + ratios.map({ Self.body(#","size":"\#($0)""#) }) {
                let reply = try await api.submit(body, key: tenant.keyText)
                #expect(reply.status == 200, "\(body.prefix(200)): \(reply.text)")
            }
            #expect(try await api.database.number("select count(*) from tasks") == Int64(bodies.count + ratios.count))
            #expect(try await ledgerDrift(api.database) == [])
        }
    }

    @Test func storesWhatTheCustomerAskedFor() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            _ = try await api.submit(
                Self.body(#","size":"16:9","seed":77,"nsfw_check":true,"callback_url":"https://example.com/hook""#),
                key: tenant.keyText)
            let rows = try await api.database.rows(
                """
                select request->>'prompt', request->>'size', request->>'width', request->>'height', request->>'seed',
                    request->>'nsfw_check', request->>'format', callback_url, dialect, operation from tasks
                """)
            #expect(
                rows == [
                    ["a cat", "16:9", "1280", "720", "77", "true", "webp", "https://example.com/hook", "unified", "generate"]
                ])
        }
    }

    @Test func aMissingSeedIsDrawnFromTheRange() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            for _ in 0..<8 { _ = try await api.submit(Self.body(""), key: tenant.keyText) }
            let sql = "select count(distinct request->>'seed') from tasks where (request->>'seed')::bigint between 1 and 2147483647"
            #expect(try await api.database.number(sql) > 1)
        }
    }

    @Test func aBearerInOtherLettersIsTheSame() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let reply = try await api.send(
                .post, APIFixture.submitPath, body: Array(Self.body("").utf8),
                headers: ["Authorization": "bearer \(tenant.keyText)"])
            #expect(reply.status == 200)
        }
    }
}
