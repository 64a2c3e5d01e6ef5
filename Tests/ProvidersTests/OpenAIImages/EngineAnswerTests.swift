import Domain
import Foundation
import Providers
import TestSupport
import Testing
import Vips

/// What answers mean for the money, at an engine that bills nothing and at a host that bills.
@Suite(.timeLimit(.minutes(5))) struct EngineAnswerTests {
    /// How the same answer is taken where nothing is billed, and where it is; nil is "unknown".
    struct Case: Sendable, CustomTestStringConvertible {
        let status: Int
        var headers: [String] = []
        let body: String
        let free: ProviderFault.Kind
        let billed: ProviderFault.Kind?
        let says: String

        var testDescription: String { "\(status) \(body)" }
    }

    static let cases = [
        Case(
            status: 400, body: #"{"error":{"message":"bad size","code":"invalid_value"}}"#, free: .job, billed: .job,
            says: "400: bad size"),
        Case(status: 413, body: #"{"error":"too large"}"#, free: .job, billed: .job, says: "413: too large"),
        Case(
            status: 422, body: #"{"detail":[{"loc":["body","size"],"msg":"no size"},"and more"]}"#, free: .job, billed: .job,
            says: "422: size: no size; and more"),
        Case(status: 400, body: #"{"detail":{"error":"no picture"}}"#, free: .job, billed: .job, says: "400: no picture"),
        Case(
            status: 400, body: #"{"detail":"Model mismatch: request specifies 'a' but server is running 'b'."}"#, free: .settings,
            billed: .settings, says: "Model mismatch"),
        Case(
            status: 400, body: #"{"error":{"message":"limit reached","code":"billing_hard_limit_reached"}}"#, free: .settings,
            billed: .settings, says: "limit reached"),
        Case(
            status: 400, body: #"{"error":{"message":"not safe","type":"image_generation_user_error","code":"moderation_blocked"}}"#,
            free: .moderated, billed: .moderated, says: "not safe"),
        Case(
            status: 400, body: #"{"error":{"message":"policy","code":"content_policy_violation"}}"#, free: .moderated,
            billed: .moderated, says: "policy"),
        Case(status: 401, body: #"{"message":"who?"}"#, free: .settings, billed: .settings, says: "401: who?"),
        Case(status: 402, body: "", free: .settings, billed: .settings, says: "status 402"),
        Case(status: 403, body: "<html>", free: .settings, billed: .settings, says: "status 403"),
        Case(status: 404, body: #"{"detail":"Not Found"}"#, free: .settings, billed: .settings, says: "404: Not Found: check its base URL"),
        Case(status: 308, body: "", free: .settings, billed: .settings, says: "redirects are not followed"),
        // What became of the request stays open.
        Case(status: 303, body: "", free: .settings, billed: nil, says: "redirects are not followed"),
        Case(status: 409, body: "", free: .failed, billed: nil, says: "status 409"),
        Case(status: 410, body: "", free: .failed, billed: .failed, says: "status 410"),
        Case(
            status: 429, headers: ["Retry-After: 7"], body: #"{"error":{"message":"slow down"}}"#,
            free: .busy(retryAfterSeconds: 7), billed: .busy(retryAfterSeconds: 7), says: "429: slow down"),
        Case(
            status: 429, body: "[1]", free: .busy(retryAfterSeconds: nil), billed: .busy(retryAfterSeconds: nil), says: "status 429"),
        Case(
            status: 429, body: #"{"error":{"message":"no money","code":"insufficient_quota"}}"#, free: .settings, billed: .settings,
            says: "no money"),
        Case(status: 500, body: #"{"error":"CUDA"}"#, free: .failed, billed: nil, says: "500: CUDA"),
        Case(
            status: 500, body: #"{"error":{"message":"odd","code":"moderation_blocked"}}"#, free: .failed, billed: nil, says: "odd"),
        Case(status: 502, body: "", free: .away, billed: nil, says: "status 502"),
        Case(status: 503, body: #"{"error":"loading"}"#, free: .away, billed: .away, says: "503: loading"),
        Case(status: 503, body: "<html>upstream reset</html>", free: .away, billed: nil, says: "status 503"),
        Case(
            status: 503, headers: ["Retry-After: 30"], body: "", free: .busy(retryAfterSeconds: 30),
            billed: .busy(retryAfterSeconds: 30), says: "status 503"),
        Case(status: 504, body: "", free: .away, billed: nil, says: "status 504"),
        Case(status: 524, body: "", free: .away, billed: nil, says: "status 524"),
        Case(status: 408, body: "", free: .away, billed: nil, says: "status 408"),
    ]

    @Test(arguments: cases, EngineDialect.allCases)
    func statuses(_ given: Case, engine: EngineDialect) async throws {
        let server = try EngineServer.answering(given.body, status: given.status, headers: given.headers)
        let free = await EngineSamples.provider(engine, server.baseURL).submit(EngineSamples.job())
        #expect(free.fault?.kind == given.free)
        #expect(free.fault?.message.contains(given.says) == true)
        let billed = await EngineSamples.provider(engine, server.baseURL, cost: EngineSamples.cost).submit(EngineSamples.job())
        #expect(billed.fault?.kind == given.billed)
        #expect(billed.isUnknown == (given.billed == nil))
    }

    /// Answers of success that are none. They may have been billed.
    @Test(arguments: [
        " ", "[]", "<html>", "{}", #"{"data":[]}"#, #"{"data":[{"revised_prompt":"a"}]}"#, #"{"data":[{"b64_json":"%%%"}]}"#,
        #"{"data":[{"b64_json":null}]}"#, #"{"data":[{"b64_json":""}]}"#, #"{"data":[{"b64_json":"aGVsbG8="}]}"#, "\u{0}",
        #"{"error":{"message":"it fell over"}}"#,
    ])
    func uselessAnswers(body: String) async throws {
        let server = try EngineServer.answering(body)
        #expect(await EngineSamples.provider(.sglang, server.baseURL).submit(EngineSamples.job()).fault?.kind == .failed)
        let billed = EngineSamples.provider(.openai, server.baseURL, cost: EngineSamples.cost)
        #expect(await billed.submit(EngineSamples.job()).isUnknown)
    }

    @Test func damagedAndWronglySizedPicturesAreUseless() async throws {
        let whole = try EngineSamples.png(width: 256, height: 256)
        let other = try EngineSamples.png(width: 512, height: 256)
        for (file, says) in [(Array(whole.dropLast(whole.count / 2)), "damaged"), (other, "512x256 where 256x256")] {
            let server = try EngineServer.answering(EngineSamples.reply(file))
            let fault = await EngineSamples.provider(.vllmOmni, server.baseURL).submit(EngineSamples.job()).fault
            #expect(fault?.kind == .failed)
            #expect(fault?.message.contains(says) == true)
            let billed = EngineSamples.provider(.vllmOmni, server.baseURL, cost: EngineSamples.cost)
            #expect(await billed.submit(EngineSamples.job()).isUnknown)
        }
    }

    @Test func secondsAreRoundedUp() async throws {
        let cases: [(String, Int?)] = [
            (#","inference_time_s":1.23"#, 2), (#","seconds":3"#, 3), (#","seconds":-1"#, nil), ("", nil),
        ]
        for (more, seconds) in cases {
            let server = try EngineServer.answering(try EngineSamples.reply(more: more))
            let answer = await EngineSamples.provider(.sglang, server.baseURL).submit(EngineSamples.job())
            guard case .made(let picture) = answer else { return #expect(answer.bytes != nil) }
            #expect(picture.seconds == seconds)
        }
    }

    @Test func aDataURIIsAPictureToo() async throws {
        let png = try EngineSamples.png(width: 256, height: 256)
        let server = try EngineServer.answering(
            #"{"data":[{"b64_json":"data:image/png;base64,\#(EngineSamples.base64(png))"}]}"#)
        #expect(await EngineSamples.provider(.openai, server.baseURL).submit(EngineSamples.job()).bytes != nil)
    }

    @Test func theKeyIsNeverRepeated() async throws {
        let server = try EngineServer.answering(#"{"error":{"message":"no such key: sk-secret\u001b[2J\u202e"}}"#, status: 401)
        let fault = await EngineSamples.provider(.openai, server.baseURL, secret: "sk-secret").submit(EngineSamples.job()).fault
        #expect(fault?.message == "401: no such key: *** [2J ")
    }
}

/// Pictures that come as links.
@Suite(.timeLimit(.minutes(5))) struct EngineLinkTests {
    private static func server(link: String, file: [UInt8], status: Int = 200) throws -> EngineServer {
        try EngineServer { connection, call in
            if call.line.hasPrefix("POST") {
                connection.answer(#"{"data":[{"url":"\#(link.replacing("HOST", with: call.header("host") ?? ""))"}]}"#)
            } else if status == 200 {
                connection.answer(bytes: file)
            } else {
                connection.answer("", status: status)
            }
        }
    }

    @Test(arguments: ["http://HOST/generated/a.png", "/generated/a.png"])
    func theyAreFetchedWhereThePictureCannotBeAskedFor(link: String) async throws {
        let server = try Self.server(link: link, file: try EngineSamples.png(width: 256, height: 256))
        let answer = await EngineSamples.provider(.openai, server.baseURL, secret: "sk-1").submit(EngineSamples.job())
        #expect(answer.bytes != nil)
        #expect(server.calls.map(\.line) == ["POST /v1/images/generations HTTP/1.1", "GET /generated/a.png HTTP/1.1"])
        // The key is for the host itself, and not for wherever it stores pictures.
        #expect(server.calls.last?.header("authorization") == (link.hasPrefix("/") ? "Bearer sk-1" : nil))
    }

    @Test(arguments: ["ftp://HOST/a.png", "file:///etc/passwd", "//HOST/a.png", "nonsense", "http://HOST/a.png"])
    func aLinkThatLeadsNowhereIsUseless(link: String) async throws {
        let server = try Self.server(link: link, file: [], status: 404)
        #expect(await EngineSamples.provider(.openai, server.baseURL).submit(EngineSamples.job()).fault?.kind == .failed)
        let billed = EngineSamples.provider(.openai, server.baseURL, cost: EngineSamples.cost)
        #expect(await billed.submit(EngineSamples.job()).isUnknown)
    }

    @Test func otherEnginesHaveBeenAskedForThePicture() async throws {
        let server = try Self.server(link: "http://HOST/a.png", file: try EngineSamples.png(width: 256, height: 256))
        #expect(await EngineSamples.provider(.sglang, server.baseURL).submit(EngineSamples.job()).fault?.kind == .failed)
        #expect(server.calls.count == 1)
    }
}
