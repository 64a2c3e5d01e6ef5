import Domain
@testable import Providers
import TestSupport
import Testing

/// EvoLink and this product, by the bodies of apis.md, section 3.
@Suite(.timeLimit(.minutes(5))) struct UnifiedTests {
    private static let id = "task-unified-1757165031-uyujaw3d"

    // MARK: requests

    private func sent(_ subject: Subject, _ job: ProviderJob) async throws -> ReceivedRequest {
        let host = try ScriptedHost(.answer(200, Self.accepted))
        try await withAccess { access in
            #expect(await subject.provider(at: host.baseURL, access).submit(job) { _ in } == .accepted(id: Self.id))
        }
        return try #require(host.requests.first)
    }

    /// 3.1, the example of E-Z.
    private static let accepted = """
        {"created":1757165031,"id":"task-unified-1757165031-uyujaw3d","model":"z-image-turbo","object":"image.generation.task",
         "progress":0,"status":"pending","task_info":{"can_cancel":true,"estimated_time":10},"type":"image",
         "usage":{"billing_rule":"per_call","credits_reserved":0.026,"user_group":"default"}}
        """

    @Test func aSubmitCarriesItsNameAndFields() async throws {
        let request = try await sent(.unified, .sample(size: ImageSize(width: 1152, height: 864)))
        #expect(request.requestLine == "POST /v1/images/generations HTTP/1.1")
        #expect(request.header("authorization") == "Bearer \(Subject.secret)")
        #expect(request.header("content-type") == "application/json")
        #expect(request.header("idempotency-key") == "task-17-1")
        #expect(String(decoding: request.body, as: UTF8.self)
            == #"{"model":"z-image-turbo","prompt":"a \"cute\" cat","size":"1152x864","seed":12345}"#)
    }

    @Test func strictModerationIsPassedOn() async throws {
        let body = try await sent(.unified, .sample(nsfwCheck: true)).body
        #expect(String(decoding: body, as: UTF8.self).hasSuffix(#""seed":12345,"nsfw_check":true}"#))
    }

    @Test func ourOwnKindGetsPictures() async throws {
        let body = try await sent(.ours, .sample(inputs: PreparedInputs(image: [1, 2, 3], mask: [255], strength: 0.75))).body
        #expect(String(decoding: body, as: UTF8.self).hasSuffix(
            #""seed":12345,"image_url":"data:image/png;base64,AQID","mask":"data:image/png;base64,/w==","strength":0.75}"#))
    }

    @Test(arguments: [
        ProviderJob.sample(size: ImageSize(width: 375, height: 1024)), .sample(size: ImageSize(width: 1024, height: 1537)),
        .sample(prompt: String(repeating: "a", count: 2001)), .sample(inputs: PreparedInputs(image: [1], mask: nil, strength: 0.6)),
        .sample(inputs: PreparedInputs(image: [1], mask: [1], strength: 0.6)),
    ]) func whatOthersCannotDrawIsNotSent(_ job: ProviderJob) async throws {
        try await Subject.unified.with(.answer(200, Self.accepted)) { provider, host in
            #expect(!provider.takes(job.image))
            #expect(Meaning(await provider.submit(job) { _ in }) == .refused(.job))
            #expect(host.requests.isEmpty)
        }
    }

    @Test func aTaskIsAskedForByItsId() async throws {
        try await Subject.unified.with(.answer(200, Self.completed)) { provider, host in
            #expect(Meaning(await provider.poll(Self.id)) == .made("https://files.example/1.webp?a=b"))
            #expect(host.requests.first?.requestLine == "GET /v1/tasks/\(Self.id) HTTP/1.1")
        }
    }

    // MARK: errors

    private func submitted(_ status: Int, _ error: String) -> Meaning {
        Meaning(UnifiedError.submitAnswer(HostedReply(status, #"{"error":{\#(error)}}"#)))
    }

    /// Rows of 3.3, as the page has them.
    @Test(arguments: [
        (400, #""code":400,"message":"Invalid request parameters","type":"invalid_request_error""#, .refused(.job)),
        (401, #""code":401,"message":"Invalid or expired token","type":"authentication_error""#, .refused(.settings)),
        (402, #""code":402,"message":"Insufficient quota","type":"insufficient_quota_error""#, .refused(.settings)),
        (403, #""code":403,"message":"Access denied for this model","type":"permission_error","param":"model""#, .refused(.settings)),
        (404, #""code":404,"message":"Specified model not found","type":"not_found_error","param":"model""#, .refused(.settings)),
        (413, #""code":413,"message":"too large","type":"request_too_large_error""#, .refused(.job)),
        (
            429, #""code":429,"message":"Rate limit exceeded","type":"rate_limit_error","fallback_suggestion":"retry after 60 seconds""#,
            .refused(.busy(retryAfterSeconds: 60))
        ),
        // It may come after the task was made; the submit is repeated under the same key.
        (500, #""code":500,"message":"Internal server error","type":"internal_server_error""#, .unknown),
        (502, #""code":502,"message":"Upstream AI service unavailable","type":"upstream_error""#, .refused(.away)),
        (
            503, #""code":503,"message":"m","type":"service_unavailable_error","fallback_suggestion":"retry after 30 seconds""#,
            .refused(.away)
        ),
    ] as [(Int, String, Meaning)]) func anErrorOfThePageIsRead(_ status: Int, _ error: String, _ meaning: Meaning) {
        #expect(submitted(status, error) == meaning)
    }

    /// 3.1 and 3.3, the words that EvoLink's own client understands, and those of this product.
    @Test(arguments: [
        ("insufficient_quota", 402, .refused(.settings)), ("insufficient_user_quota", 402, .refused(.settings)),
        ("quota_not_enough", 402, .refused(.settings)), ("insufficient_token_quota", 402, .refused(.settings)),
        ("token_daily_quota_exceeded", 402, .refused(.settings)), ("key_disabled", 403, .refused(.settings)),
        ("key_expired", 401, .refused(.settings)), ("key_model_not_allowed", 403, .refused(.settings)),
        ("key_address_not_allowed", 403, .refused(.settings)), ("key_scope_missing", 403, .refused(.settings)),
        ("no_available_channel", 503, .refused(.away)), ("model_unavailable", 503, .refused(.away)),
        ("service_unavailable", 503, .refused(.away)), ("content_policy_violation", 400, .refused(.moderated)),
        ("invalid_parameters", 400, .refused(.job)), ("image_dimension_mismatch", 400, .refused(.job)),
        ("image_processing_error", 400, .refused(.job)), ("something_new", 400, .refused(.job)), ("something_new", 500, .unknown),
        ("paid_outcome_unknown", 503, .unknown), ("idempotency_conflict", 422, .unknown), ("paid_outcome_unknown", 409, .unknown),
    ] as [(String, Int, Meaning)]) func aWordIsRead(_ code: String, _ status: Int, _ meaning: Meaning) {
        #expect(submitted(status, #""code":"\#(code)","message":"m""#) == meaning)
        // The type of the same error says less and is not asked.
        let type = status == 503 ? "service_unavailable_error" : status == 500 ? "internal_server_error" : "invalid_request_error"
        #expect(submitted(status, #""code":"\#(code)","message":"m","type":"\#(type)""#) == meaning)
    }

    @Test func theOperatorIsToldWhatToDo() {
        let error = #"{"error":{"code":"insufficient_token_quota","message":"The key's limit is used up","type":"x"}}"#
        guard case .refused(let fault) = UnifiedError.submitAnswer(HostedReply(402, error)) else {
            Issue.record("not refused")
            return
        }
        #expect(fault.message.contains("raise it there"))
        #expect(fault.message.hasSuffix("(insufficient_token_quota: The key's limit is used up)"))
    }

    @Test func aReplayIsTheSameTask() async throws {
        try await Subject.unified.with(.answer(200, Self.accepted, headers: ["Idempotency-Replayed: true"])) { provider, host in
            for _ in 0..<2 { #expect(await provider.submit(.sample()) { _ in } == .accepted(id: Self.id)) }
            #expect(Set(host.requests.map { $0.header("idempotency-key") }) == ["task-17-1"])
            #expect(provider.capabilities.deduplicates)
        }
    }

    // MARK: results

    private func answer(_ body: String) -> Meaning? { UnifiedResult(HostedReply(200, body)).map { Meaning($0.answer) } }

    /// 3.2, the completed example, with the usage that EvoLink's client reads.
    private static let completed = """
        {"created":1757165031,"id":"task-unified-1757165031-uyujaw3d","model":"z-image-turbo","object":"image.generation.task",
         "progress":100,"results":["https://files.example/1.webp?a=b"],"status":"completed","task_info":{"can_cancel":false},
         "type":"image","duration":2.1,"usage":{"billing_rule":"per_call","credits_reserved":0.026,"credits_used":0.026,
         "cost":{"credits":0.34,"usd":0.005,"cny":0.036}}}
        """

    @Test func aPictureIsALinkWithItsCost() throws {
        let picture = try #require(UnifiedResult(HostedReply(200, Self.completed))?.answer.picture)
        #expect(picture == ProviderPicture(
            .link("https://files.example/1.webp?a=b"), seconds: 3, cost: ProviderCost(micro: 5_000, currency: "USD")))
    }

    /// Credits have no price that we know, so they are no cost.
    @Test(arguments: [
        #""results":["https://a/1"],"usage":{"credits_used":0.026}"#, #""results":"https://a/1""#,
        #""results":"[\"https://a/1\"]","usage":null"#, #""result_data":[{"image_url":"https://a/1"}],"usage":{"cost":{"usd":null}}"#,
        #""results":[],"images":[{"url":"https://a/1"}],"duration":null"#,
    ]) func otherFormsAreRead(_ members: String) {
        #expect(UnifiedResult(HostedReply(200, #"{"status":"completed",\#(members)}"#))?.answer
            == .made(ProviderPicture(.link("https://a/1"))))
    }

    @Test(arguments: [
        (#""status":"pending","progress":0"#, .waiting(0)), (#""status":"processing","progress":"40""#, .waiting(40)),
        (#""status":"processing""#, .waiting(nil)), (#""status":"queued","progress":250"#, .waiting(100)),
        (#""status":"completed","results":[]"#, .unanswered(nil)), (#""status":"completed","results":["/x"]"#, .unanswered(nil)),
        (#""status":"failed""#, .failed(.failed)), (#""status":"failed","error":null"#, .failed(.failed)),
        (#""status":"cancelled","error":{"code":"task_cancelled"}"#, .failed(.failed)),
    ] as [(String, Meaning)]) func everyStatusIsRead(_ members: String, _ meaning: Meaning) {
        #expect(answer("{\(members)}") == meaning)
    }

    /// 3.2, the codes of E-ERR.
    @Test(arguments: [
        ("content_policy_violation", .moderated), ("invalid_parameters", .job), ("image_processing_error", .job),
        ("image_dimension_mismatch", .job), ("request_cancelled", .failed), ("generation_failed_no_content", .failed),
        ("service_error", .failed), ("generation_timeout", .failed), ("resource_exhausted", .busy(retryAfterSeconds: nil)),
        ("quota_exceeded", .busy(retryAfterSeconds: nil)), ("service_unavailable", .away), ("resource_not_found", .failed),
        ("unknown_error", .failed), ("something_new", .failed),
    ] as [(String, ProviderFault.Kind)]) func aFailedTaskSaysWhy(_ code: String, _ kind: ProviderFault.Kind) {
        #expect(answer(#"{"status":"failed","progress":0,"error":{"code":"\#(code)","message":"m"}}"#) == .failed(kind))
    }

    @Test(arguments: [
        (
            400,
            #"{"error":{"code":"invalid_task_id","message":"m","type":"invalid_request_error","param":"task_id"}}"#,
            .missing
        ),
        (404, #"{"error":{"code":404,"message":"m","type":"not_found_error"}}"#, .missing), (404, "{}", .missing),
        (404, "<html>", .unanswered(nil)), (401, #"{"error":{"code":401,"message":"m"}}"#, .unanswered(nil)),
        (429, #"{"error":{"code":429,"message":"m","fallback_suggestion":"retry after 5 seconds"}}"#, .unanswered(5)),
        (500, #"{"error":{"code":500,"message":"m"}}"#, .unanswered(nil)), (502, "", .unanswered(nil)),
        (200, "{}", .unanswered(nil)), (200, "[]", .unanswered(nil)),
    ] as [(Int, String, Meaning)]) func anErrorOfAQueryIsRead(_ status: Int, _ body: String, _ meaning: Meaning) {
        let reply = HostedReply(status, body)
        #expect(Meaning(UnifiedResult(reply)?.answer ?? UnifiedError.pollAnswer(reply)) == meaning)
    }

    // MARK: cancel

    @Test(arguments: [
        (200, #"{"status":"cancelled"}"#, .cancelled), (200, #"{"status":"completed"}"#, .tooLate),
        (200, #"{"status":"processing"}"#, .unknown), (404, "", .tooLate), (405, "", .tooLate),
        (409, #"{"error":{"code":"task_not_cancellable","message":"m"}}"#, .tooLate), (500, "", .unknown), (429, "", .unknown),
        (401, #"{"error":{"code":401,"message":"m"}}"#, .unknown), (200, "", .unknown),
    ] as [(Int, String, CancelAnswer)]) func aWishToStopIsAnswered(_ status: Int, _ body: String, _ answer: CancelAnswer) async throws {
        try await Subject.ours.with(.answer(status, body)) { provider, host in
            #expect(await provider.cancel(Self.id) == answer)
            #expect(host.requests.map(\.requestLine) == ["POST /v1/tasks/\(Self.id)/cancel HTTP/1.1"])
        }
    }

    @Test func onlyOurOwnKindIsKnownToCancel() async throws {
        try await withAccess { access in
            #expect(!Subject.unified.provider(at: "http://127.0.0.1:1", access).capabilities.cancels)
            #expect(Subject.ours.provider(at: "http://127.0.0.1:1", access).capabilities.cancels)
        }
    }
}
