import Domain
@testable import Providers
import TestSupport
import Testing

/// Novita and HighwayAPI, by the bodies of apis.md, sections 1 and 2.
@Suite(.timeLimit(.minutes(5))) struct V3Tests {
    // MARK: requests

    private func sent(_ subject: Subject, _ job: ProviderJob) async throws -> ReceivedRequest {
        let host = try ScriptedHost(subject.accepts)
        try await withAccess { access in
            #expect(await subject.provider(at: host.baseURL, access).submit(job) { _ in } == .accepted(id: "4f"))
        }
        return try #require(host.requests.first)
    }

    @Test func novitaGetsPromptSizeAndSeed() async throws {
        let request = try await sent(.novita, .sample(size: ImageSize(width: 768, height: 1280), format: .png))
        #expect(request.requestLine == "POST /v3/async/z-image-turbo HTTP/1.1")
        #expect(request.header("content-type") == "application/json")
        #expect(request.header("authorization") == "Bearer \(Subject.secret)")
        #expect(request.header("user-agent") == "zimage")
        #expect(request.header("idempotency-key") == nil)
        #expect(String(decoding: request.body, as: UTF8.self) == #"{"prompt":"a \"cute\" cat","size":"768*1280","seed":12345}"#)
    }

    @Test(arguments: ImageFormat.allCases) func highwayGetsTheFormatToo(_ format: ImageFormat) async throws {
        let request = try await sent(.highway, .sample(format: format))
        #expect(String(decoding: request.body, as: UTF8.self)
            == #"{"prompt":"a \"cute\" cat","size":"1024*1024","seed":12345,"output_format":"\#(format.rawValue)"}"#)
    }

    @Test func highwayGetsPicturesAsDataURIs() async throws {
        let edit = try await sent(.highway, .sample(inputs: PreparedInputs(image: [1, 2, 3], mask: nil, strength: 0.6)))
        #expect(String(decoding: edit.body, as: UTF8.self).contains(
            #""seed":12345,"image_url":"data:image/png;base64,AQID","strength":0.6,"output_format":"webp"}"#))
        let inpaint = try await sent(.highway, .sample(inputs: PreparedInputs(image: [1, 2, 3], mask: [255], strength: 1)))
        #expect(String(decoding: inpaint.body, as: UTF8.self).contains(
            #""image_url":"data:image/png;base64,AQID","mask":"data:image/png;base64,/w==","strength":1.0,"#))
    }

    @Test func theTypeOfTheAnswerDoesNotMatter() async throws {
        let act = ScriptedHost.Act.answer(201, #"{"task_id":"4f"}"#, headers: ["Content-Type: text/html"])
        try await Subject.novita.with(act) { provider, _ in
            #expect(await provider.submit(.sample()) { _ in } == .accepted(id: "4f"))
        }
    }

    @Test(arguments: [
        ProviderJob.sample(size: ImageSize(width: 240, height: 1024)), .sample(size: ImageSize(width: 1024, height: 1537)),
        .sample(prompt: String(repeating: "a", count: 2001)),
        .sample(inputs: PreparedInputs(image: [1], mask: nil, strength: 0.6)),
    ]) func whatItCannotDrawIsNotSent(_ job: ProviderJob) async throws {
        try await Subject.novita.with(Subject.novita.accepts) { provider, host in
            #expect(!provider.takes(job.image))
            #expect(Meaning(await provider.submit(job) { _ in }) == .refused(.job))
            #expect(host.requests.isEmpty)
        }
    }

    /// A worker that lost the pictures on the way would buy a wrong one.
    @Test func aJobWithoutItsPicturesIsNotSent() async throws {
        let (image, inpaint) = (
            PreparedInputs(image: [1], mask: nil, strength: 0.6), PreparedInputs(image: [1], mask: [1], strength: 0.6)
        )
        let jobs = [
            ProviderJob(image: ProviderJob.sample(inputs: image).image, model: "m"),
            ProviderJob(image: ProviderJob.sample(inputs: inpaint).image, model: "m", inputs: image),
            ProviderJob(image: ProviderJob.sample().image, model: "m", inputs: image),
        ]
        try await Subject.highway.with(Subject.highway.accepts) { provider, host in
            for job in jobs { #expect(Meaning(await provider.submit(job) { _ in }) == .refused(.job)) }
            #expect(host.requests.isEmpty)
        }
    }

    @Test func aTaskIsAskedForByItsId() async throws {
        let id = "3c4d5e6f-0000-4000-8000-000000000001"
        try await Subject.novita.with(.answer(200, Self.succeeded)) { provider, host in
            #expect(Meaning(await provider.poll(id)) == .made("https://images.example/1.jpeg?X-Amz-Signature=1"))
            #expect(host.requests.first?.requestLine == "GET /v3/async/task-result?task_id=\(id) HTTP/1.1")
            #expect(host.requests.first?.header("authorization") == "Bearer \(Subject.secret)")
        }
    }

    // MARK: errors

    /// Rows of the tables in 1.3 (pictures), 1.3 (LLM part) and 2.
    @Test(arguments: [
        ("INVALID_REQUEST_BODY", 400, .job), ("IMAGE_FILE_EXCEEDS_MAX_SIZE", 400, .job), ("INVALID_IMAGE_FORMAT", 400, .job),
        ("IMAGE_EXCEEDS_MAX_RESOLUTION", 400, .job), ("INVALID_IMAGE_SIZE", 400, .job), ("API_NOT_FOUND", 404, .settings),
        ("IMAGE_NO_FACE_DETECTED", 400, .job), ("INVALID_CUSTOM_OUTPUT_PATH", 400, .job), ("ILLEGAL_PROMPT", 400, .moderated),
        ("ILLEGAL_IMAGE_CONTENT", 400, .moderated), ("INVALID_AUDIO_FILE", 400, .job), ("BILLING_FAILED", 500, .away),
        ("BILLING_AUTH_FAILED", 403, .settings), ("BILLING_BALANCE_NOT_ENOUGH", 400, .settings),
        ("MISSING_API_KEY", 400, .settings), ("INVALID_API_KEY", 403, .settings), ("FEATURE_NOT_ALLOWED", 403, .settings),
        ("API_NOT_ALLOWED", 403, .settings), ("RATE_LIMIT_EXCEEDED", 429, .busy(retryAfterSeconds: nil)),
        ("NEED_REAL_NAME_VERIFY", 403, .settings), ("CREATE_TASK_FAILED", 500, .away), ("MODEL_NOT_FOUND", 404, .settings),
        ("FAILED_TO_AUTH", 401, .settings), ("NOT_ENOUGH_BALANCE", 403, .settings),
        ("TOKEN_LIMIT_EXCEEDED", 429, .busy(retryAfterSeconds: nil)), ("SERVICE_NOT_AVAILABLE", 503, .away),
        ("ACCESS_DENY", 403, .settings), ("SOMETHING_NEW", 400, .job),
    ] as [(String, Int, ProviderFault.Kind)])
    func anErrorOfTheTablesIsARefusal(_ reason: String, _ status: Int, _ kind: ProviderFault.Kind) {
        let body = #"{"code":\#(status),"reason":"\#(reason)","message":"the words","metadata":{}}"#
        #expect(Meaning(V3Error.submitAnswer(HostedReply(status, body))) == .refused(kind))
        guard case .refused(let fault) = V3Error.submitAnswer(HostedReply(status, body)) else { return }
        #expect(fault.message.hasSuffix("(\(reason): the words)"))
    }

    @Test(arguments: [
        ("GET_RESULT_FAILED", 500), ("TASK_FAILED", 500), ("SOMETHING_NEW", 500), ("SOMETHING_NEW", 503), ("SOMETHING_NEW", 200),
    ]) func otherErrorsLeaveItOpen(_ reason: String, _ status: Int) {
        #expect(Meaning(V3Error.submitAnswer(HostedReply(status, #"{"code":1,"reason":"\#(reason)","message":"m"}"#))) == .unknown)
    }

    @Test func theReasonCountsWhateverTheStatus() {
        let body = #"{"code":403,"reason":"NOT_ENOUGH_BALANCE","message":"not enough balance","metadata":{}}"#
        for status in [200, 400, 403, 500] {
            #expect(Meaning(V3Error.submitAnswer(HostedReply(status, body))) == .refused(.settings))
        }
    }

    /// 1.3, the live probe: no `metadata`.
    @Test func theOperatorIsToldWhatToDo() {
        let body = #"{"code":403,"reason":"INVALID_API_KEY","message":"invalid api-key sk-1"}"#
        #expect(V3Error.submitAnswer(HostedReply(403, body, secret: "sk-1"))
            == .refused(ProviderFault(
                .settings,
                "it refuses the key: set a valid one with `zadmin provider update` (INVALID_API_KEY: invalid api-key ***)")))
    }

    @Test(arguments: [("7", 7), ("0", 0), ("86400", 3600), ("soon", nil), (nil, nil)] as [(String?, Double?)])
    func busyHostsSayForHowLong(_ header: String?, _ seconds: Double?) {
        let body = #"{"code":429,"reason":"RATE_LIMIT_EXCEEDED","message":"slow down"}"#
        let reply = HostedReply(429, body, retryAfter: header)
        #expect(Meaning(V3Error.submitAnswer(reply)) == .refused(.busy(retryAfterSeconds: seconds)))
        #expect(Meaning(V3Error(reply).pollAnswer) == .unanswered(seconds))
    }

    @Test func theHeaderArrivesWithTheAnswer() async throws {
        try await Subject.novita.with(.answer(429, "{}", headers: ["Retry-After: 9"])) { provider, _ in
            #expect(Meaning(await provider.submit(.sample()) { _ in }) == .refused(.busy(retryAfterSeconds: 9)))
            #expect(Meaning(await provider.poll("4f")) == .unanswered(9))
        }
    }

    // MARK: results

    private func answer(_ body: String) -> Meaning? { V3Result(HostedReply(200, body)).map { Meaning($0.answer) } }

    /// 1.2; a long integer for the ttl as in N-TR.
    private static let succeeded = """
        {"extra":{"seed":"158881667","enable_nsfw_detection":false,"has_nsfw_contents":[],"debug_info":{"request_info":"",
         "submit_time_ms":"1700000000000","execute_time_ms":"1700000000100","complete_time_ms":"1700000002101"}},
         "task":{"task_id":"4f","task_type":"TXT_TO_IMG","status":"TASK_STATUS_SUCCEED","reason":"","eta":0,"progress_percent":0},
         "images":[{"image_url":"https://images.example/1.jpeg?X-Amz-Signature=1","image_url_ttl":3600,"image_type":"jpeg",
          "nsfw_detection_result":null}],"videos":[],"audios":[]}
        """

    @Test func aPictureIsALinkWithItsSeconds() throws {
        let picture = try #require(V3Result(HostedReply(200, Self.succeeded))?.answer.picture)
        #expect(picture == ProviderPicture(.link("https://images.example/1.jpeg?X-Amz-Signature=1"), seconds: 3))
    }

    /// The pages disagree: the ttl is a number or a text, the times may be empty, `{}` stands for no result of detection, and
    /// MyRouter's page has neither `has_nsfw_contents` nor `enable_nsfw_detection`.
    @Test(arguments: [
        (#""has_nsfw_contents":[]"#, #""image_url_ttl":"0","nsfw_detection_result":null"#, false),
        (#""seed":7"#, #""image_url_ttl":"3600""#, false), (#""has_nsfw_contents":null"#, #""nsfw_detection_result":{}"#, false),
        (#""debug_info":{"execute_time_ms":"","complete_time_ms":""}"#, #""image_type":"jpeg""#, false),
        (#""has_nsfw_contents":[false]"#, #""image_type":"webp""#, false),
        (#""has_nsfw_contents":[]"#, #""nsfw_detection_result":{"valid":false,"confidence":0.1}"#, false),
        (#""has_nsfw_contents":[true]"#, #""image_type":"webp""#, true), (#""has_nsfw_contents":["sexual"]"#, #""x":1"#, true),
        (#""has_nsfw_contents":[]"#, #""nsfw_detection_result":{"valid":true,"confidence":0.9}"#, true),
    ]) func marksAreRead(_ extra: String, _ image: String, _ isFlagged: Bool) throws {
        let body = #"{"extra":{\#(extra)},"task":{"status":"TASK_STATUS_SUCCEED"},"images":[{"image_url":"https://a/1",\#(image)}]}"#
        #expect(V3Result(HostedReply(200, body))?.answer == .made(ProviderPicture(.link("https://a/1"), isFlagged: isFlagged)))
    }

    @Test(arguments: [
        ("TASK_STATUS_QUEUED", .waiting(nil)), ("TASK_STATUS_PROCESSING", .waiting(nil)),
        // Not one of the four: it has not ended for certain.
        ("TASK_STATUS_CANCELLED", .waiting(nil)), ("completed", .waiting(nil)),
        // Without images it is a success that may be charged for.
        ("TASK_STATUS_SUCCEED", .unanswered(nil)), ("TASK_STATUS_FAILED", .failed(.failed)),
    ] as [(String, Meaning)]) func everyStatusIsRead(_ status: String, _ meaning: Meaning) {
        #expect(answer(#"{"task":{"task_id":"4f","status":"\#(status)","progress_percent":0},"images":[]}"#) == meaning)
    }

    @Test(arguments: [("40", 40), ("\"40\"", 40), ("3.5", 3), ("0", nil), ("null", nil), ("250", 100)] as [(String, Int?)])
    func progressIsReadWhereItSaysSomething(_ text: String, _ percent: Int?) {
        #expect(answer(#"{"task":{"status":"TASK_STATUS_PROCESSING","progress_percent":\#(text)}}"#) == .waiting(percent))
    }

    @Test(arguments: [
        ("", .failed), ("out of memory", .failed), ("TASK_FAILED: try again", .failed), ("ILLEGAL_PROMPT: refused", .moderated),
        ("ILLEGAL_IMAGE_CONTENT", .moderated), ("INVALID_IMAGE_SIZE: mask", .job), ("INVALID_API_KEY", .failed),
    ] as [(String, ProviderFault.Kind)]) func aReasonMayBeAWordOfTheTable(_ reason: String, _ kind: ProviderFault.Kind) {
        #expect(answer(#"{"task":{"status":"TASK_STATUS_FAILED","reason":"\#(reason)"}}"#) == .failed(kind))
    }

    @Test(arguments: [
        (404, #"{"code":404,"reason":"TASK_NOT_FOUND","message":"task not found"}"#, .missing),
        (404, #"{"message":"no such task"}"#, .missing), (404, "<html>404</html>", .unanswered(nil)),
        (404, #"{"code":404,"reason":"API_NOT_FOUND","message":""}"#, .unanswered(nil)),
        (500, #"{"code":500,"reason":"TASK_FAILED","message":"m"}"#, .failed(.failed)),
        (500, #"{"code":500,"reason":"GET_RESULT_FAILED","message":"m"}"#, .unanswered(nil)),
        (403, #"{"code":403,"reason":"INVALID_API_KEY","message":"m"}"#, .unanswered(nil)),
        (429, #"{"code":429,"reason":"RATE_LIMIT_EXCEEDED","message":"m"}"#, .unanswered(nil)), (502, "", .unanswered(nil)),
        (200, "", .unanswered(nil)), (200, #"{"task":{}}"#, .unanswered(nil)), (200, #"{"task":null}"#, .unanswered(nil)),
    ] as [(Int, String, Meaning)]) func anErrorOfAQueryIsRead(_ status: Int, _ body: String, _ meaning: Meaning) {
        let reply = HostedReply(status, body)
        #expect(Meaning(V3Result(reply)?.answer ?? V3Error(reply).pollAnswer) == meaning)
    }
}
