import Domain
import Providers
import TestSupport
import Testing

/// `zadmin provider test` of hosted providers, step by step.
@Suite(.timeLimit(.minutes(5))) struct HostedChecksTests {
    /// A host that answers paths by the beginning of their request line, and 404 without a body otherwise.
    private func checks(_ subject: Subject, _ answers: [(String, Int, String)]) async throws -> [ProviderCheck] {
        let host = try ScriptedHost { request in
            let answer = answers.first { request.requestLine.hasPrefix("GET \($0.0)") }
            return answer.map { .answer($0.1, $0.2) } ?? .answer(404)
        }
        var checks: [ProviderCheck] = []
        try await withAccess { access in
            checks = await subject.provider(at: host.baseURL, access).test(model: "z-image-turbo")
        }
        #expect(checks.first == ProviderCheck("reaches \(host.baseURL)"))
        return Array(checks.dropFirst())
    }

    private func speaks(_ kind: ProviderKind) -> ProviderCheck { ProviderCheck("speaks the dialect \(kind.rawValue)") }
    private let key = ProviderCheck("accepts the key")

    // MARK: v3

    private static let result = "/v3/async/task-result?task_id=00000000-0000-4000-8000-000000000000"
    private static let notFound = #"{"code":404,"reason":"TASK_NOT_FOUND","message":"task not found","metadata":{}}"#

    @Test func aGoodKeyOfNovitaShowsItsBalance() async throws {
        let balance = #"{"availableBalance":"123456","cashBalance":"123456","creditLimit":"0","outstandingInvoices":"0"}"#
        let checks = try await checks(
            .novita, [(Self.result, 404, Self.notFound), ("/openapi/v1/billing/balance/detail", 200, balance)])
        #expect(checks == [speaks(.novita), key, ProviderCheck("has a balance of 12.3456 USD")])
    }

    @Test func anEmptyBalanceIsAProblem() async throws {
        let checks = try await checks(
            .novita, [(Self.result, 404, Self.notFound), ("/openapi/", 200, #"{"availableBalance":0}"#)])
        #expect(checks.last?.problem?.contains("top the account up") == true)
    }

    @Test(arguments: [Subject.novita, .highway]) func withoutABalanceTheKeyIsEnough(_ subject: Subject) async throws {
        let checks = try await checks(subject, [(Self.result, 404, Self.notFound)])
        #expect(checks == [speaks(subject.kind), key])
    }

    @Test(arguments: [
        (400, "MISSING_API_KEY"), (403, "INVALID_API_KEY"), (401, "FAILED_TO_AUTH"), (403, "API_NOT_ALLOWED"),
        (429, "RATE_LIMIT_EXCEEDED"), (503, "SERVICE_NOT_AVAILABLE"),
    ]) func aKeyThatIsNotTakenNowIsSaid(_ status: Int, _ reason: String) async throws {
        let checks = try await checks(
            .novita, [(Self.result, status, #"{"code":\#(status),"reason":"\#(reason)","message":"no"}"#)])
        #expect(checks.count == 2)
        #expect(checks.last?.what == key.what)
        #expect(checks.last?.problem?.contains(reason) == true)
    }

    @Test func anotherApiOfTheHostIsNotThisOne() async throws {
        let checks = try await checks(.novita, [(Self.result, 404, #"{"code":404,"reason":"API_NOT_FOUND","message":"no"}"#)])
        #expect(checks.map(\.what) == ["speaks the dialect novita"])
        #expect(checks.last?.problem?.contains("base URL") == true)
    }

    // MARK: unified

    private static let credits = """
        {"data":{"token":{"remaining_credits":0,"used_credits":3.5,"unlimited_credits":true},
         "user":{"remaining_credits":"12.5","used_credits":3.5}}}
        """
    private static let models = #"{"object":"list","data":[{"id":"z-image-turbo"},{"id":"other"}]}"#

    @Test func aGoodKeyShowsCreditsAndModel() async throws {
        let checks = try await checks(.unified, [("/v1/credits", 200, Self.credits), ("/v1/models", 200, Self.models)])
        #expect(checks == [
            speaks(.unified), key, ProviderCheck("has a balance of 12.5 credits"), ProviderCheck("has the model z-image-turbo"),
        ])
    }

    @Test func aLimitThatIsUsedUpAndAModelThatIsNotThereAreProblems() async throws {
        let credits = #"{"data":{"token":{"remaining_credits":0},"user":{"remaining_credits":1}}}"#
        let models = #"{"data":[{"id":"a"},{"id":"b"}]}"#
        let checks = try await checks(.unified, [("/v1/credits", 200, credits), ("/v1/models", 200, models)])
        #expect(checks.dropFirst(3).map { $0.problem != nil } == [true, true])
        #expect(checks.last?.problem == "it lists a, b: correct the model's name")
    }

    /// Hosts without the account's routes are asked for a task that is not there.
    @Test func aTaskThatIsNotThereTellsOfAGoodKey() async throws {
        let error = #"{"error":{"code":"invalid_task_id","message":"m","type":"invalid_request_error","param":"task_id"}}"#
        let checks = try await checks(.unified, [("/v1/tasks/task-unified-0-aaaaaaaa", 400, error)])
        #expect(checks == [speaks(.unified), key])
    }

    @Test(arguments: ["/v1/credits", "/v1/tasks/"]) func aWrongKeyIsSaid(_ path: String) async throws {
        let error = #"{"error":{"code":401,"message":"Invalid or expired token","type":"authentication_error"}}"#
        let checks = try await checks(.unified, [(path, 401, error)])
        #expect(checks.last?.what == key.what)
        #expect(checks.last?.problem?.contains("Invalid or expired token") == true)
    }

    // MARK: zimageturbo.ai

    @Test(arguments: [(200, 404), (404, 404), (200, 400), (200, 200)])
    func whatDoesNotRefuseTheKeyIsGood(_ status: Int, _ code: Int) async throws {
        let checks = try await checks(
            .zimageturbo, [("/api/status?task_id=task_0", status, #"{"code":\#(code),"message":"m","data":null}"#)])
        #expect(checks == [speaks(.zimageturbo), key])
    }

    @Test func aWrongKeyOfZImageTurboIsSaid() async throws {
        let checks = try await checks(.zimageturbo, [("/api/status", 401, #"{"code":401,"message":"bad key","data":null}"#)])
        #expect(checks.last?.what == key.what)
        #expect(checks.last?.problem?.contains("bad key") == true)
    }

    // MARK: all

    private static let strangers: [(Int, String)] = [(200, "<html>"), (200, "{}"), (404, "<html>"), (302, ""), (500, ""), (503, "{}")]

    @Test(arguments: Subject.hosted, strangers) func anotherServerIsToldApart(_ subject: Subject, _ answer: (Int, String)) async throws {
        let checks = try await checks(subject, [("/", answer.0, answer.1)])
        #expect(checks.count == 1)
        #expect(checks.last?.what.hasPrefix("speaks the dialect") == true)
        #expect(checks.last?.problem != nil)
    }
}
