import Curl
import Foundation
import Providers
import Simulator
import Testing

/// What each dialect refuses, with the status and the words that its documents have for it.
@Suite(.timeLimit(.minutes(5))) struct RefusalTests {
    /// A body, the status, and a word of the answer.
    typealias Row = (body: String, status: Int, word: String)

    private static let long = String(repeating: "x", count: 2001)

    private func expect(_ kind: ProviderKind, _ rows: [Row], quirks: Set<Quirk> = []) async throws {
        try await Scene.with(.init(kind: kind, quirks: quirks)) { scene in
            for row in rows {
                let reply = try await scene.send("POST", scene.submitPath, row.body)
                #expect(reply.status == row.status && reply.text.contains(row.word), "\(row.body.prefix(200)): \(reply.text)")
            }
            #expect(scene.book.charged == 0 && scene.book.submits.map(\.outcome) == rows.map { _ in .refused })
            #expect(scene.book.submits.allSatisfy { $0.reason != nil })
        }
    }

    @Test func novita() async throws {
        try await expect(.novita, [
            ("", 400, "INVALID_REQUEST_BODY"), ("[]", 400, "INVALID_REQUEST_BODY"), ("{}", 400, "prompt is required"),
            (#"{"prompt":""}"#, 400, "INVALID_REQUEST_BODY"), (#"{"prompt":7}"#, 400, "prompt must be a string"),
            (#"{"prompt":"a","size":"255*256"}"#, 400, "INVALID_IMAGE_SIZE"),
            (#"{"prompt":"a","size":"1024x1024"}"#, 400, "INVALID_IMAGE_SIZE"),
            (#"{"prompt":"a","size":"256*1537"}"#, 400, "INVALID_IMAGE_SIZE"),
            (#"{"prompt":"a","seed":-2}"#, 400, "seed"), (#"{"prompt":"a","seed":2147483648}"#, 400, "seed"),
            (#"{"prompt":"a","seed":1.5}"#, 400, "seed"), (#"{"prompt":"a","enable_base64_output":"yes"}"#, 400, "true or false"),
            (#"{"prompt":"a","extra":{"webhook":{"url":"nowhere"}}}"#, 400, "extra.webhook.url"),
        ])
    }

    @Test func highway() async throws {
        try await expect(.highway, [
            (#"{"prompt":"a","size":"9*9"}"#, 400, "INVALID_REQUEST_BODY"), (#"{"prompt":"a","output_format":"gif"}"#, 400, "webp"),
            (#"{"prompt":"a","strength":0.5}"#, 400, "image_url"), (#"{"prompt":"a","mask":"data:,"}"#, 400, "image_url"),
            (#"{"prompt":"a","image_url":"data:image/png;base64,AAAA","strength":1.1}"#, 400, "strength"),
            (#"{"prompt":"a","image_url":"data:image/png;base64,AAAA"}"#, 400, "picture"),
            (#"{"prompt":"a","image_url":"data:image/png,AAAA"}"#, 400, "data URI"),
            (#"{"prompt":"a","image_url":"http://127.0.0.1:1/a.png"}"#, 400, "cannot be fetched"),
        ])
    }

    @Test func unified() async throws {
        let head = #""model":"z-image-turbo","prompt":"a""#
        try await expect(.unified, [
            ("{", 400, "invalid_request_error"), (#"{"prompt":"a"}"#, 400, #""param":"model""#),
            (#"{"model":"other","prompt":"a"}"#, 404, "not_found_error"), (#"{"model":"z-image-turbo"}"#, 400, #""param":"prompt""#),
            (#"{"model":"z-image-turbo","prompt":"\#(Self.long)"}"#, 400, "2000"),
            (#"{\#(head),"size":"5:4"}"#, 400, #""code":400"#), (#"{\#(head),"size":"375x1024"}"#, 400, "376"),
            (#"{\#(head),"size":"1024*1024"}"#, 400, #""param":"size""#), (#"{\#(head),"seed":0}"#, 400, #""param":"seed""#),
            (#"{\#(head),"seed":-1}"#, 400, "seed"), (#"{\#(head),"nsfw_check":1}"#, 400, "nsfw_check"),
            (#"{\#(head),"callback_url":"http://example.com/"}"#, 400, "https"),
            (#"{\#(head),"callback_url":"https://10.0.0.1/"}"#, 400, #""param":"callback_url""#),
            (#"{\#(head),"callback_url":"https://example.com/\#(Self.long)\#(Self.long)"}"#, 400, "2048"),
        ])
        try await expect(.unified, [(#"{"prompt":"a"}"#, 400, #""code":"invalid_request""#)], quirks: [.stringCodes])
    }

    @Test func zimageturbo() async throws {
        try await expect(.zimageturbo, [
            ("x", 400, #"{"code":400,"message":"#), (#"{"aspect_ratio":"1:1"}"#, 400, "prompt"),
            (#"{"prompt":"\#(Self.long.prefix(1001))","aspect_ratio":"1:1"}"#, 400, "1000"),
            (#"{"prompt":"a"}"#, 400, "aspect_ratio"), (#"{"prompt":"a","aspect_ratio":"2:3"}"#, 400, #""data":null"#),
        ])
    }

    @Test func openAIImages() async throws {
        try await expect(.openaiImages, [
            ("x", 400, "invalid_request_error"), ("{}", 400, #""param":"prompt""#), (#"{"prompt":"a","n":2}"#, 400, #""param":"n""#),
            (#"{"prompt":"a","size":"auto"}"#, 400, "size"), (#"{"prompt":"a","response_format":"url"}"#, 400, "b64_json"),
            (#"{"prompt":"a","num_inference_steps":0}"#, 400, "num_inference_steps"), (#"{"prompt":"a","seed":-1}"#, 400, "seed"),
            (#"{"prompt":"a","output_format":"gif"}"#, 400, "output_format"),
        ])
    }

    @Test(arguments: ProviderKind.allCases) func keysAreChecked(kind: ProviderKind) async throws {
        let words: [ProviderKind: (missing: (Int, String), wrong: (Int, String))] = [
            .novita: ((400, "MISSING_API_KEY"), (403, "INVALID_API_KEY")), .highway: ((401, "FAILED_TO_AUTH"), (403, "INVALID_API_KEY")),
            .unified: ((401, "authentication_error"), (401, "authentication_error")), .zimageturbo: ((401, "401"), (401, "401")),
            .openaiImages: ((401, "invalid_api_key"), (401, "invalid_api_key")),
        ]
        let expected = try #require(words[kind])
        try await Scene.with(.init(kind: kind)) { scene in
            for (key, (status, word)) in [(nil as String?, expected.missing), ("wrong", expected.wrong)] {
                let reply = try await scene.send("POST", scene.submitPath, scene.body(), key: key)
                #expect(reply.status == status && reply.text.contains(word), "\(reply.text)")
            }
            #expect(scene.book.charged == 0 && scene.book.submits.count == 2)
        }
        try await Scene.with(.init(kind: kind, key: nil)) { scene in
            let reply = try await scene.send("POST", scene.submitPath, scene.body(), key: nil)
            #expect(reply.status == 200)
        }
    }

    @Test(arguments: ProviderKind.allCases) func theBalanceRunsOut(kind: ProviderKind) async throws {
        let words: [ProviderKind: (Int, String)] = [
            .novita: (400, "BILLING_BALANCE_NOT_ENOUGH"), .highway: (403, "NOT_ENOUGH_BALANCE"),
            .unified: (402, "insufficient_quota_error"), .zimageturbo: (402, #""code":402"#), .openaiImages: (429, "insufficient_quota"),
        ]
        let (status, word) = try #require(words[kind])
        try await Scene.with(.init(kind: kind, faults: [.on(.submit, .failed)], balance: 1)) { scene in
            // What fails is free.
            _ = try await scene.submit("one")
            #expect(try await scene.submit("two").status == 200)
            let reply = try await scene.submit("three")
            #expect(reply.status == status && reply.text.contains(word), "\(reply.text)")
            #expect(scene.book.charged == 1 && scene.book.charged(forPromptContaining: "two") == 1 && scene.book.balance == 0)
        }
    }

    @Test func novitaTellsItsBalance() async throws {
        try await Scene.with(.init(kind: .novita, balance: 3)) { scene in
            _ = try await scene.accepted()
            let balance = try await scene.send("GET", "/openapi/v1/billing/balance/detail").object() as? [String: String]
            #expect(balance?["availableBalance"] == "100" && balance?["creditLimit"] == "0", "two pictures of 0.005 USD")
        }
    }

    @Test(arguments: Scene.hosted) func unknownTasksAndRoutes(kind: ProviderKind) async throws {
        try await Scene.with(.init(kind: kind)) { scene in
            let id = kind == .unified ? "task-unified-1757165031-uyujaw3d" : "nothing"
            let reply = try await scene.poll(id)
            #expect(reply.status == 404, "\(reply.text)")
            #expect(try await scene.send("GET", "/v2/nothing").status == 404)
            #expect(try await scene.fetch("\(scene.simulator.url)/files/nothing.png?expires=99999999999&generation=0").status == 404)
            if kind == .unified {
                let malformed = try await scene.poll("nothing")
                #expect(malformed.status == 400)
                #expect(try malformed.error()["code"] as? String == "invalid_task_id")
            }
        }
    }
}
