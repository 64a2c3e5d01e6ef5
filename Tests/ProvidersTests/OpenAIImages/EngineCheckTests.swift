import Domain
import Providers
import TestSupport
import Testing

/// `zadmin provider test`: plain words, and nothing bought.
@Suite(.timeLimit(.minutes(5))) struct EngineCheckTests {
    private static let models = #"{"object":"list","data":[{"id":"z-image-turbo"},{"id":"other"}]}"#

    private static func server(models: (Int, String), health: Int = 200) throws -> EngineServer {
        try EngineServer { connection, call in
            if call.line.contains("/health") { return connection.answer("", status: health) }
            connection.answer(models.1, status: models.0)
        }
    }

    private static func lines(
        _ server: EngineServer, _ engine: EngineDialect = .openai, secret: String? = "sk-1", model: String = "z-image-turbo"
    ) async -> [String] {
        let checks = await EngineSamples.provider(engine, server.baseURL, secret: secret).test(model: model)
        return checks.map { check in check.problem.map { "\(check.what): \($0)" } ?? check.what }
    }

    @Test func allIsWell() async throws {
        let server = try Self.server(models: (200, Self.models))
        let reaches = "reaches \(server.baseURL)"
        #expect(await Self.lines(server) == [reaches, "accepts the key", "has the model z-image-turbo"])
        #expect(server.calls.first?.header("authorization") == "Bearer sk-1")
        #expect(
            await Self.lines(server, .reference, secret: nil)
                == [reaches, "is ready", "answers without a key", "has the model z-image-turbo"])
        #expect(server.calls.allSatisfy { $0.line.hasPrefix("GET ") })
    }

    @Test(arguments: [
        (401, "{}", "accepts the key: it refuses the key: set the right one"),
        (403, "{}", "accepts the key: it refuses the key: set the right one"),
        (404, "", "lists no models, so key and model are tried by the first picture"),
        (302, "", "speaks the OpenAI API: it redirects elsewhere: correct the base URL"),
        (500, #"{"error":"no sk-1 today"}"#, "accepts the key: /v1/models answers with status 500: no *** today"),
        (200, "<html>", "has the model z-image-turbo: /v1/models answers without a list: is the base URL that of an OpenAI API?"),
        (200, #"{"data":[]}"#, "has the model z-image-turbo: it has no model at all"),
        (200, #"{"data":[{"id":"a"},{"id":"b"}]}"#, "has the model z-image-turbo: it has a, b"),
        (
            200, #"{"data":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"},{"id":"e"},{"id":"f"}]}"#,
            "has the model z-image-turbo: it has a, b, c, d, e and 1 more"
        ),
    ])
    func whatIsWrongIsSaid(status: Int, body: String, last: String) async throws {
        let server = try Self.server(models: (status, body))
        #expect(await Self.lines(server).last == last)
    }

    @Test(arguments: [
        (503, "is ready: it is still loading its model: try again in a minute"),
        (404, "is ready: it has no /health: is it another engine than reference?"),
        (500, "is ready: /health answers with status 500: see its log"),
    ])
    func anEngineOfOursSaysWhetherItIsReady(status: Int, line: String) async throws {
        let server = try Self.server(models: (200, Self.models), health: status)
        #expect(await Self.lines(server, .reference).dropFirst().first == line)
    }

    @Test func whatIsNotReachedIsTheOnlyLine() async throws {
        let nobody = await EngineSamples.provider(.reference, "http://127.0.0.1:1").test(model: "a")
        #expect(nobody.count == 1)
        #expect(nobody.first?.problem?.contains("cannot be reached") == true)
        let silent = try EngineServer { connection, _ in connection.reset() }
        let lost = await EngineSamples.provider(.reference, silent.baseURL).test(model: "a")
        #expect(lost.count == 1)
        #expect(lost.first?.problem?.contains("does not answer") == true)
        let server = try Self.server(models: (200, Self.models))
        let refused = await EngineSamples.provider(.openai, server.baseURL, allowsPrivate: false).test(model: "a")
        #expect(refused.first?.problem?.contains("--allow-private") == true)
        #expect(server.calls.isEmpty)
    }

    @Test func aKeyThatIsMissingIsAskedFor() async throws {
        let server = try Self.server(models: (401, ""))
        #expect(await Self.lines(server, secret: nil).last == "answers without a key: it wants a key: set one")
    }
}
