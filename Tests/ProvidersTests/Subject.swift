import Domain
import TestSupport

@testable import Providers

/// A kind of provider, and what its host says on the occasions that `ConformanceTests` tries. A new kind is one more of these.
struct Subject: Sendable, CustomStringConvertible {
    /// Long enough that no other text holds it by chance.
    static let secret = "sk-0123456789abcdefghijklmnopqrstuvwxyz"

    let kind: ProviderKind
    var engine: EngineDialect?
    /// What a picture is expected to cost; nil for those whose price nobody has said.
    var cost: ProviderCost?
    /// Tells apart those of one kind, in the names of tests.
    var variant: String?
    let make: @Sendable (ProviderSettings, ProviderAccess) -> any ImageProvider
    /// An answer to a submit by which the job is accepted, or the picture is there.
    let accepts: ScriptedHost.Act
    /// Answers to a submit after which nothing is charged.
    let refuses: [ScriptedHost.Act]
    /// Answers to a submit that leave open whether somebody is at work.
    let leavesOpen: [ScriptedHost.Act]
    /// How a job's host says that it goes on; nil where submits answer at once.
    let goesOn: ScriptedHost.Act?
    /// Whether a link to a picture may be a path at the host itself.
    var takesPaths = false
    /// A job that it takes.
    var job = ProviderJob(
        image: ImageRequest(
            prompt: "a cute cat", sizeText: nil, size: .standard, seed: 7, format: .webp, nsfwCheck: false),
        model: "z-image-turbo", reference: "task-17-1")

    var description: String { [kind.rawValue, engine?.rawValue, variant].compactMap { $0 }.joined(separator: " ") }

    /// Whether nothing is lost when a job is made twice, so that nothing about it has to stay open.
    var billsNothing: Bool {
        ProviderSettings(name: "tried", kind: kind, engine: engine, baseURL: "", cost: cost).billsNothing
    }

    /// The provider at a host.
    func provider(
        at baseURL: String, _ access: ProviderAccess, allowsPrivate: Bool = true, timeoutSeconds: Double = 50
    ) -> any ImageProvider {
        make(
            ProviderSettings(
                name: "tried", kind: kind, engine: engine, baseURL: baseURL, secret: Self.secret, allowsPrivate: allowsPrivate,
                cost: cost, timeoutSeconds: timeoutSeconds), access)
    }

    /// Provider and host.
    func with(
        _ act: ScriptedHost.Act, timeoutSeconds: Double = 50, _ body: (any ImageProvider, ScriptedHost) async throws -> Void
    ) async throws {
        let host = try ScriptedHost(act)
        // A silent host is waited for only as long as a busy machine needs to connect, others until they have answered.
        var seconds = timeoutSeconds
        if case .silent = act { seconds = min(seconds, 2) }
        try await withAccess { try await body(provider(at: host.baseURL, $0, timeoutSeconds: seconds), host) }
    }
}

extension Subject {
    /// All kinds that call somebody.
    static let all = hosted + engines

    static let hosted: [Subject] = [.novita, .highway, .unified, .ours, .zimageturbo]

    /// Answers of gateways, and of hosts that speak another language than expected.
    private static let undocumented: [ScriptedHost.Act] = [
        .answer(500), .answer(502, "<html>Bad Gateway</html>"), .answer(503), .answer(504, "{}"), .answer(520), .answer(200),
        .answer(200, "{}"), .answer(200, "<html>", headers: ["Content-Type: text/html"]), .answer(200, "[1]"), .answer(204),
        .answer(302, headers: ["Location: /login"]), .answer(303, headers: ["Location: /done"]), .answer(408), .answer(409),
        .answer(418), .answer(499),
    ]
    /// What HTTP itself says about a request that nobody has begun.
    private static let plain: [ScriptedHost.Act] = [400, 401, 402, 403, 404, 405, 413, 415, 422, 429, 431].map {
        .answer($0, "<html>no</html>")
    } + [301, 307, 308].map { .answer($0, headers: ["Location: /elsewhere"]) }

    static let novita = v3(.novita)
    static let highway = v3(.highway)

    private static func v3(_ kind: ProviderKind) -> Subject {
        Subject(
            kind: kind, make: { V3Provider(settings: $0, access: $1) }, accepts: .answer(200, #"{"task_id":"4f"}"#),
            refuses: plain + [.answer(403, #"{"code":403,"reason":"INVALID_API_KEY","message":"invalid api-key"}"#)],
            leavesOpen: undocumented + [.answer(500, #"{"code":500,"reason":"TASK_FAILED","message":"","metadata":{}}"#)],
            goesOn: .answer(200, #"{"task":{"task_id":"4f","status":"TASK_STATUS_QUEUED"}}"#))
    }

    static let unified = unified(isOurs: false)
    static let ours = unified(isOurs: true)

    private static func unified(isOurs: Bool) -> Subject {
        Subject(
            kind: .unified, variant: isOurs ? "ours" : nil, make: { UnifiedProvider(settings: $0, access: $1, isOurs: isOurs) },
            accepts: .answer(200, #"{"id":"task-unified-1757165031-uyujaw3d","status":"pending"}"#),
            refuses: plain + [.answer(402, #"{"error":{"code":402,"message":"no","type":"insufficient_quota_error"}}"#)],
            leavesOpen: undocumented + [.answer(500, #"{"error":{"code":500,"message":"","type":"internal_server_error"}}"#)],
            goesOn: .answer(200, #"{"id":"task-unified-1757165031-uyujaw3d","status":"processing","progress":40}"#))
    }

    static let zimageturbo = Subject(
        kind: .zimageturbo, make: { ZImageTurboProvider(settings: $0, access: $1) },
        accepts: .answer(200, #"{"code":200,"message":"success","data":{"task_id":"task_1","status":"IN_PROGRESS"}}"#),
        refuses: plain + [.answer(200, #"{"code":402,"message":"Insufficient balance","data":null}"#)],
        leavesOpen: undocumented + [.answer(200, #"{"code":500,"message":"failed","data":null}"#)],
        goesOn: .answer(200, #"{"code":200,"message":"success","data":{"task_id":"task_1","status":"IN_PROGRESS"}}"#))

    /// Every program behind the OpenAI Images API, as one's own engine and as a host that bills.
    static let engines = EngineDialect.allCases.flatMap { [engine($0, cost: nil), engine($0, cost: EngineSamples.cost)] }

    private static func engine(_ engine: EngineDialect, cost: ProviderCost?) -> Subject {
        let picture = EngineSamples.base64(TestPictures.png(width: 256, height: 256, 1, 2, 3))
        return Subject(
            kind: .openaiImages, engine: engine, cost: cost, variant: cost == nil ? "own" : "billed",
            make: { OpenAIImagesProvider(settings: $0, access: $1) },
            accepts: .answer(200, #"{"created":1,"data":[{"b64_json":"\#(picture)"}]}"#),
            refuses: plain + [
                .answer(400, #"{"error":{"message":"no","type":"invalid_request_error","code":"invalid_value"}}"#),
                .answer(429, #"{"error":{"message":"no money","code":"insufficient_quota"}}"#),
                .answer(503, #"{"error":{"message":"the queue is full","code":"busy"}}"#),
            ],
            leavesOpen: undocumented + [
                .answer(500, #"{"error":{"message":"","type":"server_error"}}"#), .answer(200, #"{"data":[]}"#),
                .answer(200, #"{"data":[{"b64_json":"aGVsbG8="}]}"#), .answer(200, #"{"error":{"message":"it fell over"}}"#),
            ],
            goesOn: nil, takesPaths: engine.row.links,
            job: ProviderJob(
                image: ImageRequest(
                    prompt: "a cute cat", sizeText: nil, size: ImageSize(width: 256, height: 256), seed: 7, format: .webp,
                    nsfwCheck: false),
                model: "z-image-turbo", reference: "task-17-1"))
    }
}
