import Crypto
import Domain
import Providers
import TestSupport
import Testing

/// Who is told where to call back, and what comes of it when the host does not like the address.
@Suite(.timeLimit(.minutes(5))) struct CallbackAddressTests {
    private static let url = "https://images.example/provider-callbacks/zimage-1-00"
    private static let accepted = ScriptedHost.Act.answer(200, #"{"id":"task-unified-1757165031-uyujaw3d","status":"pending"}"#)
    private static let job = ProviderJob(
        image: ProviderJob.sample().image, model: "z-image-turbo", reference: "task-17-1", callbackURL: url)

    private static func error(_ status: Int, _ type: String, code: String = "null") -> ScriptedHost.Act {
        .answer(status, #"{"error":{"code":\#(code),"message":"no","type":"\#(type)"}}"#)
    }

    private func hasAddress(_ request: ReceivedRequest) -> Bool { Self.text(request).contains("callback") }

    private static func text(_ request: ReceivedRequest) -> String { String(decoding: request.body, as: UTF8.self) }

    /// Each submit as whether it named the address, and what came of it.
    private func submit(
        times: Int, to subject: Subject = .unified, _ act: @escaping @Sendable (ReceivedRequest) -> ScriptedHost.Act
    ) async throws -> (asked: [Bool], answers: [Meaning]) {
        let host = try ScriptedHost(act)
        var answers: [Meaning] = []
        try await withAccess { access in
            let provider = subject.provider(at: host.baseURL, access)
            for _ in 0..<times { answers.append(Meaning(await provider.submit(Self.job) { _ in })) }
        }
        #expect(Set(host.requests.map { $0.header("idempotency-key") }).count <= 1)
        return (host.requests.map(hasAddress), answers)
    }

    @Test(arguments: Subject.all) func thoseWhoCallBackAreToldWhereAndNobodyElse(_ subject: Subject) async throws {
        try await subject.with(subject.accepts) { provider, host in
            _ = await provider.submit(Self.job) { _ in }
            _ = await provider.submit(ProviderJob(image: Self.job.image, model: Self.job.model, reference: "task-17-1")) { _ in }
            let bodies = host.requests.map(Self.text)
            #expect(bodies.count == 2)
            let named = JSON.object([("callback_url", .string(Self.url))]).text.dropFirst().dropLast()
            #expect(bodies.first?.contains(named) == provider.capabilities.callsBack)
            #expect(bodies.last?.contains("callback") == false)
        }
    }

    @Test func onlyTheUnifiedDialectDocumentsIt() async throws {
        try await withAccess { access in
            let those = Subject.all.filter { $0.provider(at: "http://127.0.0.1:1", access).capabilities.callsBack }
            #expect(those.map(\.description) == ["unified", "unified ours"])
        }
    }

    @Test(arguments: [error(400, "invalid_request_error", code: "400"), error(422, "x"), .answer(400, "<html>")])
    func aHostThatRefusesTheAddressGetsTheJobWithoutIt(_ refusal: ScriptedHost.Act) async throws {
        let (asked, answers) = try await submit(times: 3) {
            Self.text($0).contains("callback") ? refusal : Self.accepted
        }
        #expect(asked == [true, false, false, false], "it is asked once")
        #expect(answers == Array(repeating: .accepted("task-unified-1757165031-uyujaw3d"), count: 3))
    }

    @Test func aJobThatIsRefusedEitherWaySaysNothingAboutTheAddress() async throws {
        let (asked, answers) = try await submit(times: 2) { _ in Self.error(400, "invalid_request_error") }
        #expect(asked == [true, false, true, false])
        #expect(answers == [.refused(.job), .refused(.job)])
    }

    @Test func aSubmitThatWasMadeWithoutAnAddressIsFound() async throws {
        let (asked, answers) = try await submit(times: 2) {
            Self.text($0).contains("callback") ? Self.error(422, "invalid_request_error", code: "\"idempotency_conflict\"") : Self.accepted
        }
        #expect(asked == [true, false, true, false], "the address was not refused")
        #expect(answers == Array(repeating: .accepted("task-unified-1757165031-uyujaw3d"), count: 2))
    }

    @Test(arguments: [
        error(400, "x", code: "\"content_policy_violation\""), error(401, "authentication_error"),
        error(402, "insufficient_quota_error"), error(429, "rate_limit_error"), error(503, "service_unavailable_error"),
        error(500, "internal_server_error"), .answer(502), .close, .answer(200, "{}"),
    ]) func whatIsNotAboutTheAddressIsNotAskedAgain(_ act: ScriptedHost.Act) async throws {
        let (asked, _) = try await submit(times: 1) { _ in act }
        #expect(asked == [true])
    }

    // MARK: addresses

    private func callbacks(_ byte: UInt8 = 7, baseURL: String? = "https://a.example/calls") -> ProviderCallbacks {
        ProviderCallbacks(key: SymmetricKey(data: [UInt8](repeating: byte, count: 32)), baseURL: baseURL)
    }

    @Test func anAddressLeadsBackToItsSubmit() throws {
        let reference = SubmitBook.newReference()
        let url = try #require(callbacks().url(for: reference))
        #expect(url == callbacks().url(for: reference), "a repeated submit is the same")
        #expect(url.wholeMatch(of: /https:\/\/a\.example\/calls\/zimage-[0-9a-f-]{36}-[0-9a-f]{32}/) != nil)
        let token = String(url.dropFirst("https://a.example/calls/".count))
        #expect(callbacks(baseURL: nil).reference(token) == reference)
        #expect(callbacks(baseURL: nil).url(for: reference) == nil)
        #expect(callbacks(8).reference(token) == nil, "another installation's")
    }

    @Test func aGuessedAddressLeadsNowhere() throws {
        let (reference, other) = (SubmitBook.newReference(), SubmitBook.newReference())
        let token = String(try #require(callbacks().url(for: reference)).suffix(reference.count + 33))
        let code = token.suffix(33)
        #expect(callbacks().reference(token) == reference)
        let guesses: [String] = [
            "", "-", "\(code)", "\(code.dropFirst())", reference, "\(other)\(code)", "\(token)0", "\(token.dropLast())",
            token.uppercased(), "\(reference)-\(String(repeating: "0", count: 32))", " \(token)",
            token.replacing("zimage", with: "zimag\u{e9}"), String(repeating: "\u{e9}", count: 100_000), String(repeating: "x", count: 200),
        ]
        for guess in guesses { #expect(callbacks().reference(guess) == nil, "\(guess.prefix(100))") }
        for index in token.utf8.indices {
            var bytes = Array(token.utf8)
            bytes[token.utf8.distance(from: token.startIndex, to: index)] ^= 1
            #expect(callbacks().reference(String(decoding: bytes, as: UTF8.self)) == nil)
        }
    }
}
