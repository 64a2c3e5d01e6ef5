import Curl
import Domain
import Foundation
import Moderation
import TestSupport
import Testing

@testable import API
@testable import JobLife

/// What a customer meets whose prompt is not permitted.
@Suite(.timeLimit(.minutes(5))) struct ModerationTests {
    private static func body(_ prompt: String, strict: Bool = false) -> String {
        JSON.object([
            ("model", .string("z-image-turbo")), ("prompt", .string(prompt)), ("size", .string("376x376")), ("nsfw_check", .bool(strict)),
        ]).text
    }

    /// A checker at a path of a fake; the transfers end with the test.
    private func withChecker(
        _ path: String, _ test: @escaping @Sendable (Checker, FakeModerator) async throws -> Void
    ) async throws {
        let fake = try await FakeModerator()
        let transfers = Transfers()
        let settings = CheckerSettings(
            shape: .moderations, url: fake.url(path), key: nil, model: "m", timeoutSeconds: 20, basic: try Thresholds("sexual=0.9"),
            strict: try Thresholds("sexual=0.4"))
        let egress = EgressRule(allowances: try EgressAllowance.parse("127.0.0.1/32:*"))
        do { try await test(Checker(settings, transfers: transfers, egress: egress), fake) } catch {
            await transfers.shutdown()
            throw error
        }
        await transfers.shutdown()
    }

    private func counted(_ api: APIFixture) async throws -> [[String?]] {
        try await api.refusals.flush(in: api.database.pool)
        return try await api.database.rows("select key_id, category, refused from moderation_refusals order by 1, 2")
    }

    @Test func aRefusedPromptCostsNothingAndIsCounted() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database, requestsPerMinute: 1, burst: 1)
            let before = try await api.state()
            for _ in 0..<3 {
                let reply = try await api.submit(Self.body("L.o.l.i.c.o.n in the sun"), key: tenant.keyText, idempotencyKey: "one")
                #expect(reply.status == 400)
                #expect(
                    reply.textWithoutRequestID
                        == #"{"error":{"code":"content_policy_violation","#
                        + #""message":"The prompt was refused by content moderation (sexual/minors).","#
                        + #""type":"invalid_request_error","param":"prompt","#
                        + #""fallback_suggestion":"change the prompt; nothing was charged","category":"sexual/minors","#
                        + #""request_id":"REQUEST"}}"#)
            }
            #expect(try await api.state() == before)
            #expect(try await counted(api) == [["\(tenant.keyID)", "sexual/minors", "3"]])
            // Nothing came of the key, so it is free.
            #expect(try await api.submit(Self.body("a cat"), key: tenant.keyText, idempotencyKey: "one").status == 200)
            #expect(try await ledgerDrift(api.database) == [])
        }
    }

    @Test func aRefusedPromptHasItsOwnReasonInV3() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database, requestsPerMinute: 1, burst: 1)
            let before = try await api.state()
            let bodies = [
                ("/v3/async/z-image-turbo", #"{"prompt":"lolicon in the sun"}"#),
                ("/v3/async/txt2img", #"{"request":{"model_name":"z-image-turbo","prompt":"lolicon in the sun"}}"#),
                ("/v3/async/z-image-turbo", #"{"prompt":"a nude","extra":{"enable_nsfw_detection":true}}"#),
            ]
            for (path, body) in bodies {
                let reply = try await api.post(path, body, key: tenant.keyText, idempotencyKey: "one")
                #expect(reply.status == 400, "\(reply.text)")
                let json = try reply.json()
                #expect(json["code"] as? Int == 400 && json["reason"] as? String == "ILLEGAL_PROMPT", "\(reply.text)")
                #expect((json["message"] as? String)?.contains("change the prompt; nothing was charged") == true)
                let metadata = try #require(json["metadata"] as? [String: Any])
                #expect(metadata["field"] as? String == "prompt" && metadata["category"] is String)
            }
            #expect(try await api.state() == before)
            #expect(try await counted(api).map { $0[2] } == ["1", "2"])
            let good = try await api.post("/v3/async/z-image-turbo", #"{"prompt":"a cat"}"#, key: tenant.keyText, idempotencyKey: "one")
            #expect(good.status == 200, "nothing came of the key, so it is free")
        }
    }

    @Test func strictWordsAreRefusedOnlyWhereStrictnessWasAskedFor() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            #expect(try await api.submit(Self.body("a nude"), key: tenant.keyText).status == 200)
            let reply = try await api.submit(Self.body("a nude", strict: true), key: tenant.keyText)
            #expect(reply.status == 400)
            #expect(try reply.error()["category"] as? String == "sexual")
            #expect(try await api.submit(Self.body("a cat", strict: true), key: tenant.keyText).status == 200)
        }
    }

    @Test func aKeyThatHasItsTaskAnswersWithItWhateverTheListSaysByNow() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let first = try await api.submit(Self.body("a gloop"), key: tenant.keyText, idempotencyKey: "one")
            #expect(first.status == 200)
            try await api.database.rows("insert into moderation_words (rule, category, level) values ('gloop', 'hate', 'basic')")
            #expect(try await api.submit(Self.body("a gloop"), key: tenant.keyText).status == 200, "until the node looks")
            try await api.words.refresh()
            let again = try await api.submit(Self.body("a gloop"), key: tenant.keyText, idempotencyKey: "one")
            #expect(again.status == 200)
            #expect(try again.json()["id"] as? String == first.json()["id"] as? String)
            #expect(try await api.submit(Self.body("b gloop"), key: tenant.keyText, idempotencyKey: "one").status == 422)
            #expect(try await api.submit(Self.body("a gloop"), key: tenant.keyText, idempotencyKey: "two").status == 400)
            let other = try await Tenant.make(api.database, name: "other")
            #expect(try await api.submit(Self.body("a gloop"), key: other.keyText, idempotencyKey: "one").status == 400)
            #expect(try await counted(api) == [tenant, other].map { ["\($0.keyID)", "hate", "1"] })
        }
    }

    @Test func whatIsNotAPromptOrNotACustomerIsNotModerated() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            #expect(try await api.submit(Self.body("lolicon"), key: nil).status == 401)
            let bad = try await api.submit(#"{"model":"z-image-turbo","prompt":"lolicon","size":"1x1"}"#, key: tenant.keyText)
            #expect(try bad.error()["param"] as? String == "size")
            #expect(try await counted(api) == [])
        }
    }

    @Test(arguments: [
        ("/scores/sexual=0.95", false, 400), ("/scores/sexual=0.95", true, 400), ("/scores/sexual=0.5", false, 200),
        ("/scores/sexual=0.5", true, 400), ("/scores/sexual=0.1", true, 200), ("/status/500", false, 200), ("/status/500", true, 503),
        ("/garbage", false, 200), ("/garbage", true, 503), ("/nothing", false, 200), ("/nothing", true, 503),
    ])
    func aCheckerDecidesAndIsMissedOnlyByTheStrict(path: String, strict: Bool, status: Int) async throws {
        try await withChecker(path) { checker, _ in
            try await withAPI(checkers: [checker]) { api in
                let tenant = try await Tenant.make(api.database)
                let before = try await api.state()
                let reply = try await api.submit(Self.body("a cat", strict: strict), key: tenant.keyText, idempotencyKey: "k")
                #expect(reply.status == status)
                if status != 200 { #expect(try await api.state() == before) }
                #expect(try await counted(api).count == (status == 400 ? 1 : 0))
                guard status == 503 else { return }
                #expect(
                    reply.textWithoutRequestID
                        == #"{"error":{"code":"service_unavailable","#
                        + #""message":"Strict moderation is not available now; nothing was charged.","#
                        + #""type":"service_unavailable_error","#
                        + #""fallback_suggestion":"retry after 10 seconds, or without nsfw_check","request_id":"REQUEST"}}"#)
                #expect(reply.header("retry-after") == "10")
            }
        }
    }

    @Test func theListIsTheFloorThatNeedsNoChecker() async throws {
        try await withChecker("/scores/") { checker, fake in
            try await withAPI(checkers: [checker]) { api in
                let tenant = try await Tenant.make(api.database)
                #expect(try await api.submit(Self.body("lolicon"), key: tenant.keyText).status == 400)
                #expect(try await api.submit(Self.body("a cat"), key: tenant.keyText).status == 200)
                #expect(try await fake.nextSeen().body.contains("a cat"), "what the list refuses leaves the house no more")
            }
        }
    }
}
