import API
import Admission
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTesting
import Images
import JobLife
import Keys
import Ledger
import Logging
import Moderation
import NIOCore
import Queue
import Synchronization
import TestSupport
import Testing

/// The API on a database of its own, with every room below it real.
struct APIFixture: Sendable {
    let database: TestDatabase
    let store: FolderStore
    /// Where the store keeps its pictures.
    let folder: String
    let links: SignedLinks
    let dialects: Dialects
    let clock: TestClock
    let trouble: Trouble
    let watch: TaskWatch
    let moderate: Moderate
    let words: WordWatch
    let refusals: Refusals
    let epochs: EpochWatch
    /// The tokens of the callbacks that came; those of an address that is ours begin with `ours`.
    let providerCalls: ProviderCallLog
    /// All routes: `GET /v1/tasks` and so on.
    let routes: Set<String>
    let client: any TestClientProtocol

    static let submitPath = "/v1/images/generations"

    /// Sends a request.
    func send(
        _ method: HTTPRequest.Method, _ path: String, key: String? = nil, body: [UInt8]? = nil,
        headers: [String: String] = [:]
    ) async throws -> Reply {
        var fields: HTTPFields = [:]
        if let key { fields[.authorization] = "Bearer \(key)" }
        for (name, value) in headers { fields[try #require(HTTPField.Name(name))] = value }
        let response = try await client.execute(
            uri: path, method: method, headers: fields, body: body.map { ByteBuffer(bytes: $0) })
        return Reply(
            status: response.status.code, headers: response.headers, bytes: Array(response.body.readableBytesView))
    }

    /// Submits a body.
    func submit(_ body: String, key: String?, idempotencyKey: String? = nil) async throws -> Reply {
        try await send(
            .post, Self.submitPath, key: key, body: Array(body.utf8),
            headers: idempotencyKey.map { ["Idempotency-Key": $0] } ?? [:])
    }

    /// Submits a small picture and returns its id.
    func submitted(_ key: String) async throws -> String {
        let reply = try await submit(#"{"model":"z-image-turbo","prompt":"a cat","size":"376x376"}"#, key: key)
        #expect(reply.status == 200)
        return try #require(try reply.json()["id"] as? String)
    }

    /// All that a refused request must leave as it was.
    func state() async throws -> [[String?]] {
        try await database.rows(
            """
            select (select count(*) from tasks), (select count(*) from queue), (select count(*) from entries),
                (select count(*) from usage_facts), (select count(*) from idempotency),
                (select string_agg(format('%s %s %s %s %s', id, available, reserved, pending, rate_tat), ',' order by id)
                 from wallets),
                (select string_agg(format('%s %s', id, rate_tat), ',' order by id) from api_keys)
            """)
    }

    /// Claims the only waiting task and ends it.
    func finish(_ outcome: (Lease) -> Ending.Outcome) async throws {
        let queue = TaskQueue(leaseSeconds: 60)
        let claimed = try await queue.claim(node: "test", limit: 1, afterWallet: 0, in: database.pool)
        let task = try #require(claimed.first)
        let ending = Ending(lease: task.lease, outcome: outcome(task.lease), units: 1, provider: "sandbox")
        #expect(try await queue.close([ending], in: database.pool) == [task.lease: .closed])
        watch.tasksClosed()
    }
}

extension Tenant {
    /// What the tenant has: available, reserved, settled.
    func credits(_ database: TestDatabase) async throws -> [Int64] {
        let balance = try await balance(database)
        return [balance.available, balance.reserved, balance.settled]
    }
}

/// An answer as it came.
struct Reply: Sendable {
    let status: Int
    let headers: HTTPFields
    let bytes: [UInt8]

    var text: String { String(decoding: bytes, as: UTF8.self) }

    func header(_ name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }

    func json() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any], "\(text)")
    }

    func error() throws -> [String: Any] { try #require(try json()["error"] as? [String: Any], "\(text)") }

    /// The text without what differs from request to request.
    var textWithoutRequestID: String {
        text.replacing(header("X-Request-Id") ?? "no request id", with: "REQUEST")
    }
}

/// Seconds since 1970 that a test moves on.
final class TestClock: Sendable {
    private let seconds = Mutex(Int64(Date().timeIntervalSince1970))
    var now: Int64 { seconds.withLock { $0 } }
    func advance(_ by: Int64) { seconds.withLock { $0 += by } }
}

/// What providers called.
final class ProviderCallLog: Sendable {
    private let content = Mutex<[String]>([])
    var tokens: [String] { content.withLock { $0 } }

    func called(_ token: String) -> Bool {
        content.withLock { $0.append(token) }
        return token.hasPrefix("ours")
    }
}

/// Why the node is not ready, as a test says.
final class Trouble: Sendable {
    private let text = Mutex<String?>(nil)
    var reason: String? { text.withLock { $0 } }
    func set(_ reason: String?) { text.withLock { $0 = reason } }
}

/// Runs a test with the API on a fresh database. The pictures' folder goes away afterwards.
func withAPI(
    imageWaitSeconds: Double = 60, pictureReplies: ByteBudget = ByteBudget(), checkers: [Checker] = [],
    overSockets: Bool = false,
    _ body: @escaping @Sendable (APIFixture) async throws -> Void
) async throws {
    let database = try await TestDatabase.fresh()
    let folder = "\(FileManager.default.temporaryDirectory.path)/zimage-api-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let store = FolderStore(folder: folder)
    let links = SignedLinks(key: Tenant.secret.key(for: .imageLink), baseURL: "https://images.test")
    let clock = TestClock()
    // Time stands still for the epochs: on a machine that needs seconds for a read, each would be too old at once.
    let start = ContinuousClock.now
    let epochs = EpochWatch(database.pool, now: { start })
    let trouble = Trouble()
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let pool = database.pool
    let inputs = InputIntake(store: store, egress: EgressRule(), nowSeconds: { clock.now })
    let admit = Admit(
        pool, hints: Hints(pool, queue: TaskQueue(leaseSeconds: 60)), discard: inputs.discard, logger: logger)
    let watch = TaskWatch(pool, logger: logger)
    let words = WordWatch(pool)
    try await words.refresh()
    let refusals = Refusals()
    let moderate = Moderate(words: words, checkers: checkers, refusals: refusals, pool, logger: logger)
    let dialects = Dialects(
        codes: TaskCode(key: Tenant.secret.bytes(for: .taskCode)), links: links, store: store, nowSeconds: { clock.now })
    var services = APIServices(
        keys: KeyVerifier(pool, epochs: epochs, secret: Tenant.secret), moderate: moderate, admit: admit,
        tasks: TaskQuery(pool), watch: watch,
        cancel: Cancel(pool, queue: TaskQueue(leaseSeconds: 60), closed: { watch.tasksClosed() }),
        models: ModelCatalog(pool),
        callbackSecrets: { try await CallbackSecrets(secret: Tenant.secret).current(of: $0, in: pool) },
        credits: CreditAccess(pool, codes: RedemptionCodes(key: Tenant.secret.key(for: .redemptionCode))), store: store,
        inputs: inputs, links: links,
        dialects: dialects, egress: EgressRule(),
        notReadyReason: { trouble.reason }, nowSeconds: { clock.now }, logger: logger)
    services.imageWaitSeconds = imageWaitSeconds
    services.pictureReplies = pictureReplies
    let providerCalls = ProviderCallLog()
    services.providerCalled = providerCalls.called
    let router = APIRoutes.router(services)
    let routes = Set(router.routes.map(\.description))
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await admit.run() }
        let watching = Task { await watch.run() }
        defer { watching.cancel() }
        defer { admit.finish() }
        let server = HTTPServerBuilder.http1(configuration: .init(additionalChannelHandlers: [HangUp()]))
        try await Application(router: router, server: server, logger: logger).test(overSockets ? .live : .router) { client in
            try await body(
                APIFixture(
                    database: database, store: store, folder: folder, links: links, dialects: dialects, clock: clock,
                    trouble: trouble, watch: watch, moderate: moderate, words: words, refusals: refusals, epochs: epochs,
                    providerCalls: providerCalls, routes: routes, client: client))
        }
    }
}
