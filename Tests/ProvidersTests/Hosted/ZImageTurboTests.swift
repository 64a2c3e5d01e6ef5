import Domain
@testable import Providers
import TestSupport
import Testing

/// zimageturbo.ai, by the bodies of apis.md, section 4.
@Suite(.timeLimit(.minutes(5))) struct ZImageTurboTests {
    @Test(arguments: [
        (1024, 1024, "1:1"), (1152, 864, "4:3"), (864, 1152, "3:4"), (1280, 720, "16:9"), (720, 1280, "9:16"),
    ]) func aSubmitHasPromptAndRatio(_ width: Int, _ height: Int, _ ratio: String) async throws {
        let subject = Subject.zimageturbo
        try await subject.with(subject.accepts) { provider, host in
            let job = ProviderJob.sample(size: ImageSize(width: width, height: height))
            #expect(provider.takes(job.image))
            #expect(await provider.submit(job) { _ in } == .accepted(id: "task_1"))
            let request = try #require(host.requests.first)
            #expect(request.requestLine == "POST /api/generate HTTP/1.1")
            #expect(request.header("authorization") == "Bearer \(Subject.secret)")
            #expect(request.header("content-type") == "application/json")
            #expect(String(decoding: request.body, as: UTF8.self) == #"{"prompt":"a \"cute\" cat","aspect_ratio":"\#(ratio)"}"#)
        }
    }

    @Test(arguments: [
        ProviderJob.sample(size: ImageSize(width: 832, height: 1248)), .sample(size: ImageSize(width: 512, height: 512)),
        .sample(prompt: String(repeating: "a", count: 1001)), .sample(inputs: PreparedInputs(image: [1], mask: nil, strength: 0.6)),
    ]) func whatItCannotDrawIsNotSent(_ job: ProviderJob) async throws {
        try await Subject.zimageturbo.with(Subject.zimageturbo.accepts) { provider, host in
            #expect(!provider.takes(job.image))
            #expect(Meaning(await provider.submit(job) { _ in }) == .refused(.job))
            #expect(host.requests.isEmpty)
            #expect(!provider.capabilities.takesSeed)
        }
    }

    @Test func aTaskIsAskedForByItsId() async throws {
        try await Subject.zimageturbo.with(.answer(200, Self.succeeded)) { provider, host in
            #expect(await provider.poll("task_1234567890") == .made(ProviderPicture(.link("https://xxx.com/sample.jpeg"))))
            #expect(host.requests.first?.requestLine == "GET /api/status?task_id=task_1234567890 HTTP/1.1")
        }
    }

    /// The page's example. What it consumed is in credits without a price.
    private static let succeeded = """
        {"code":200,"message":"success","data":{"status":"SUCCESS","task_id":"xxxxxxxx",
         "request":{"prompt":"xxx","size":"1024*1024","seed":"-1"},"response":["https://xxx.com/sample.jpeg"],
         "consumed_credits":15,"created_at":"2025-12-05 13:05:09","error_message":null}}
        """

    private func submitted(_ status: Int, _ body: String) -> Meaning {
        Meaning(ZImageTurboReply(HostedReply(status, body)).submitAnswer)
    }

    /// 401, 402 and 429 are on the page; no body is. The code tells the same with status 200.
    @Test(arguments: [
        (400, .refused(.job)), (401, .refused(.settings)), (402, .refused(.settings)), (403, .refused(.settings)),
        (404, .refused(.settings)), (422, .refused(.job)), (429, .refused(.busy(retryAfterSeconds: nil))), (500, .unknown),
        (502, .unknown), (503, .unknown), (409, .unknown), (0, .unknown),
    ] as [(Int, Meaning)]) func anErrorIsRead(_ status: Int, _ meaning: Meaning) {
        let body = #"{"code":\#(status),"message":"the words","data":null}"#
        #expect(submitted(200, body) == meaning)
        #expect(submitted(200, body.replacing(":\(status)", with: ":\"\(status)\"")) == meaning)
        if status > 0 { #expect(submitted(status, body) == meaning) }
    }

    @Test func theOperatorIsToldWhatToDo() {
        let reply = HostedReply(200, #"{"code":402,"message":"Insufficient balance","data":null}"#)
        #expect(ZImageTurboReply(reply).submitAnswer == .refused(ProviderFault(
            .settings, "the account there has nothing left to pay with: top it up (Insufficient balance)")))
    }

    @Test(arguments: [
        (200, #"{"code":200,"message":"success","data":{"task_id":"task_1234567890","status":"IN_PROGRESS"}}"#, "task_1234567890"),
        (200, #"{"data":{"task_id":17}}"#, "17"), (201, #"{"code":"200","data":{"task_id":"t"}}"#, "t"),
    ]) func aTaskWithAnIdIsAccepted(_ status: Int, _ body: String, _ id: String) {
        #expect(submitted(status, body) == .accepted(id))
    }

    @Test(arguments: [
        #"{"code":200,"message":"success","data":{}}"#, #"{"code":200,"data":null}"#, #"{"code":200,"data":{"task_id":""}}"#, "{}",
        "", "[]",
    ]) func withoutAnIdItIsOpen(_ body: String) { #expect(submitted(200, body) == .unknown) }

    private func answer(_ status: Int, _ body: String) -> Meaning {
        Meaning(ZImageTurboReply(HostedReply(status, body)).pollAnswer)
    }

    @Test(arguments: [
        (#""status":"IN_PROGRESS""#, .waiting(nil)), (#""status":"FAILED","error_message":"no"#  + "\"", .failed(.failed)),
        (#""status":"FAILED","error_message":null"#, .failed(.failed)),
        (
            #""status":"FAILED","error_message":"Content flagged as potentially sensitive. Please try different prompts or images.""#,
            .failed(.moderated)
        ),
        // On no page: it has not ended for certain.
        (#""status":"PENDING""#, .waiting(nil)), (#""status":"CANCELLED""#, .waiting(nil)),
        // A success that may be charged for.
        (#""status":"SUCCESS","response":[]"#, .unanswered(nil)), (#""status":"SUCCESS","response":null"#, .unanswered(nil)),
        (#""status":"SUCCESS","response":"[\"https://a/1\"]""#, .made("https://a/1")),
        (#""status":"SUCCESS","response":"https://a/1""#, .made("https://a/1")),
        (#""status":"SUCCESS","response":["https://a/1","https://a/2"],"consumed_credits":"15""#, .made("https://a/1")),
        (#""status":"SUCCESS","response":[{"url":"https://a/1"}]"#, .made("https://a/1")),
    ] as [(String, Meaning)]) func everyStatusIsRead(_ members: String, _ meaning: Meaning) {
        #expect(answer(200, #"{"code":200,"message":"success","data":{\#(members)}}"#) == meaning)
    }

    @Test(arguments: [
        (200, #"{"code":404,"message":"no such task","data":null}"#, .missing),
        (404, #"{"code":404,"message":"no such task","data":null}"#, .missing), (404, "<html>", .unanswered(nil)),
        (404, "{}", .unanswered(nil)), (401, #"{"code":401,"message":"m","data":null}"#, .unanswered(nil)),
        (200, #"{"code":500,"message":"m","data":null}"#, .unanswered(nil)), (429, "", .unanswered(nil)),
        (500, "", .unanswered(nil)), (200, "", .unanswered(nil)),
    ] as [(Int, String, Meaning)]) func anErrorOfAQueryIsRead(_ status: Int, _ body: String, _ meaning: Meaning) {
        #expect(answer(status, body) == meaning)
    }
}
