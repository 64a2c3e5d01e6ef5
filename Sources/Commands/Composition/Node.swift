import API
import Callbacks
import Curl
import Domain
import Foundation
import Hummingbird
import HummingbirdCore
import Images
import JobLife
import Keys
import Ledger
import Logging
import Moderation
import NIOCore
import Postgres
import Providers
import Queue
import ServiceLifecycle
import UnixSignals
import Vips

/// The composition root of a server: makes every part, hands each what it needs, and runs them together.
struct Node {
    private let settings: Settings
    private let database: OpenDatabase
    private let logger: Logger
    private let epochs: EpochWatch
    private let uses = KeyUses()
    private let hints: Hints
    private let submitHints: SubmitHints
    private let moderate: Moderate
    private let admit: Admit
    private let close: Close
    private let announce: Announce
    private let watch: TaskWatch
    private let worker: Worker
    private let recover: Recover
    private let providers: ProviderWatch
    private let telling: HealthTelling
    private let transfers: Transfers
    private let providerTransfers: Transfers
    private let services: APIServices

    init(_ settings: Settings, _ database: OpenDatabase, _ logger: Logger) async throws {
        self.settings = settings
        self.database = database
        self.logger = logger
        try VipsLibrary.start()
        let pool = database.pool
        let points = settings.crashPoints
        transfers = Transfers()
        // Of their own: an engine answers after a minute, and callbacks do not wait behind it.
        let providerTransfers = Transfers(inFlightMax: 1024, waitingMax: 1024)
        self.providerTransfers = providerTransfers
        let words = WordWatch(pool)
        let (secret, providers) = try await database.whenAvailable(waitingAtMost: settings.databaseWaitSeconds, logger) {
            let secret = try await Self.prepare(settings, database, words)
            return (secret, try await Self.providers(settings, pool, secret, providerTransfers, logger))
        }
        let nowSeconds: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }

        let queue = TaskQueue(leaseSeconds: settings.leaseSeconds)
        let folder = FolderStore(folder: "\(settings.dataFolder)/images")
        let store: any ImageStore = if let points { CrashingStore(folder, points) } else { folder }
        let dialects = Dialects(secret: secret, baseURL: settings.publicURL, store: store, nowSeconds: nowSeconds)
        moderate = Moderate(
            words: words, checkers: settings.moderation.checkers(transfers, settings), refusals: Refusals(), pool, logger: logger)
        hints = Hints(pool, queue: queue)
        let intake = InputIntake(store: store, egress: settings.egress, nowSeconds: nowSeconds)
        admit = Admit(pool, hints: hints, discard: intake.discard, logger: logger)
        let sender = CallbackSender(
            transfers: transfers, egress: settings.egress, caFile: settings.egressCAFile, watch: points?.watch)
        let announce = Announce(
            pool, sender: sender, secret: secret, egress: settings.egress, render: { try await dialects.callbackBody($0) },
            logger: logger)
        self.announce = announce
        let watch = TaskWatch(pool, logger: logger)
        self.watch = watch
        let closed: @Sendable () -> Void = {
            announce.tasksClosed()
            watch.tasksClosed()
        }
        close = Close(pool, queue: queue, announce: closed, logger: logger)
        self.providers = providers
        let routes = Routes(sandbox: Self.sandbox(settings)) { providers.snapshot }
        telling = HealthTelling(node: settings.node, routes: routes, pool)
        let fetch = InputFetch(
            transfers: transfers, store: store, egress: settings.egress, caFile: settings.egressCAFile, watch: points?.watch)
        submitHints = Self.submitHints(settings, pool, secret)
        let attempt = Attempt(
            generate: Generate(routes: routes, pool, hints: submitHints, logger: logger), inputs: fetch, store: store,
            moderate: moderate, close: close, pool, queue: queue, nowSeconds: nowSeconds, logger: logger)
        worker = Worker(
            pool, queue: queue, attempt: attempt, hints: hints, settings: Self.workerSettings(settings), logger: logger)
        recover = Recover(
            pool, queue: queue, store: store, hints: hints, late: LateSubmits(routes: routes, pool, logger: logger),
            nowSeconds: nowSeconds, logger: logger)
        epochs = EpochWatch(pool)
        var services = APIServices(
            keys: KeyVerifier(pool, epochs: epochs, secret: secret, uses: uses), moderate: moderate, admit: admit,
            tasks: TaskQuery(pool), watch: watch, cancel: Cancel(pool, queue: queue, closed: closed), models: ModelCatalog(pool),
            callbackSecrets: { try await CallbackSecrets(secret: secret).current(of: $0, in: pool) },
            credits: CreditAccess(pool, codes: RedemptionCodes(key: secret.key(for: .redemptionCode))), store: store,
            inputs: intake, links: SignedLinks(key: secret.key(for: .imageLink), baseURL: settings.publicURL),
            dialects: dialects, egress: settings.egress,
            notReadyReason: { await Self.notReadyReason(settings, database) }, nowSeconds: nowSeconds, logger: logger,
            trustedProxies: settings.trustedProxies)
        services.imageWaitSeconds = Double(settings.imageWaitSeconds)
        services.publicURL = settings.publicURL
        services.providerCalled = submitHints.called
        self.services = services
    }

    /// What has to hold before anything is served.
    private static func prepare(_ settings: Settings, _ database: OpenDatabase, _ words: WordWatch) async throws -> ServiceSecret {
        try await requireCurrentSchema(settings, database)
        // A service that was off for months may lack this month's partitions, and the first submit needs them.
        try await Recover.makePartitions(in: database.pool)
        let secret = try SecretFile.load(settings)
        try await SecretCheck()(secret, in: database.pool)
        _ = try await words.refresh()
        return secret
    }

    /// Read before any task is claimed: without its providers it would be the sandbox's.
    private static func providers(
        _ settings: Settings, _ pool: ConnectionPool, _ secret: ServiceSecret, _ transfers: Transfers, _ logger: Logger
    ) async throws -> ProviderWatch {
        let access = ProviderAccess(
            transfers: transfers, egress: settings.egress, caFile: settings.egressCAFile, watch: settings.crashPoints?.watch)
        let providers = ProviderWatch(pool, key: secret.key(for: .providerSecret)) { ProviderKind.provider($0, access) }
        for trouble in try await providers.refresh() { logger.warning("\(trouble)") }
        return providers
    }

    private static func submitHints(_ settings: Settings, _ pool: ConnectionPool, _ secret: ServiceSecret) -> SubmitHints {
        let baseURL = settings.namedURL.map { $0 + ProviderCallbackRoutes.path }
        return SubmitHints(pool, callbacks: ProviderCallbacks(key: secret.key(for: .providerCallback), baseURL: baseURL))
    }

    private static func sandbox(_ settings: Settings) -> any ImageProvider {
        let engine = SandboxEngine(
            SandboxSettings(
                durationSeconds: settings.sandboxSeconds, failurePercent: settings.sandboxFailurePercent))
        guard let points = settings.crashPoints else { return engine }
        return CrashingProvider(engine, points)
    }

    private static func workerSettings(_ settings: Settings) -> WorkerSettings {
        WorkerSettings(
            node: settings.node, slots: settings.workers, pollSeconds: 0.5,
            // Progress is written and cancelling learnt with heartbeats, and a customer watches both.
            heartbeatSeconds: min(Double(settings.leaseSeconds) / 4, 1), graceSeconds: Double(settings.graceSeconds))
    }

    /// Runs the parts that the roles need until a signal asks to stop. They stop in reverse order: first the listener,
    /// then the workers, then what both write through.
    func run(_ roles: Roles) async throws {
        var parts: [ServiceGroupConfiguration.ServiceConfiguration] = []
        func add(_ service: any Service) {
            parts.append(.init(
                service: service, successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .gracefullyShutdownGroup))
        }
        add(Part(transfers.shutdown) { await untilShutdown() })
        add(Part(providerTransfers.shutdown) { await untilShutdown() })
        if database.isEmbedded {
            add(Part { [database, logger] in await cancelWhenGracefulShutdown { await database.keepAlive(logger) } })
        }
        add(Part { [epochs] in await Self.watchEpochs(epochs) })
        if roles.api { add(Part { [uses, database] in await Self.keepUses(uses, database.pool) }) }
        add(Part { [database, hints, submitHints, epochs] in
            await Self.listen(database.address, hints, submitHints, epochs)
        })
        add(Part { [moderate] in await cancelWhenGracefulShutdown { await moderate.run() } })
        add(Part { [hints] in await cancelWhenGracefulShutdown { await hints.run() } })
        add(Part { [close] in await Self.untilFinished(close.finish) { await close.run() } })
        add(Part { [providers, logger] in await Self.watchProviders(providers, logger) })
        add(Part { [recover] in await cancelWhenGracefulShutdown { await recover.run() } })
        if roles.worker {
            add(Part { [telling, logger] in await Self.tellHealth(telling, logger) })
            add(Part { [announce] in await cancelWhenGracefulShutdown { await announce.run() } })
            add(Part { [worker] in await worker.run() })
        }
        if roles.api {
            add(Part { [admit] in await Self.untilFinished(admit.finish) { await admit.run() } })
            add(Part { [submitHints] in await cancelWhenGracefulShutdown { await submitHints.run() } })
            add(Part { [watch] in await cancelWhenGracefulShutdown { await watch.run() } })
        }
        let router = roles.api ? APIRoutes.router(services) : APIRoutes.healthRouter(services)
        add(
            Application(
                router: router, server: .http1(configuration: Self.connectionLimits),
                configuration: .init(
                    address: .hostname(settings.host, port: settings.port), serverName: "zimage", backlog: 1024),
                onServerRunning: { [settings, logger] _ in
                    logger.info("serving", metadata: ["address": "http://\(settings.host):\(settings.port)"])
                },
                logger: logger))
        try await ServiceGroup(
            configuration: .init(services: parts, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        ).run()
    }

    /// A connection that is silent for this long, or whose headers are larger, is closed.
    private static let connectionLimits = HTTP1Channel.Configuration(
        additionalChannelHandlers: [HangUp()], idleTimeout: .seconds(75),
        httpDecoderConfiguration: .init(
            maxHeaderFieldSize: 16 * 1024, maxHeaderListSize: 32 * 1024, maxHeaderFieldCount: 100))

    private static func untilFinished(
        _ finish: @escaping @Sendable () -> Void, _ run: @Sendable () async -> Void
    ) async {
        await withGracefulShutdownHandler { await run() } onGracefulShutdown: { finish() }
    }

    private static func watchEpochs(_ epochs: EpochWatch) async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                // A failure is not silent: without a fresh epoch no key is honoured.
                try? await epochs.refresh()
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    private static func watchProviders(_ providers: ProviderWatch, _ logger: Logger) async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    for trouble in try await providers.refresh() { logger.warning("\(trouble)") }
                } catch {
                    logger.warning("cannot read the providers", metadata: ["error": "\(error)"])
                }
                try? await Task.sleep(for: .seconds(ProviderWatch.everySeconds))
            }
        }
    }

    /// Nothing depends on it, so it says nothing when it cannot be written.
    private static func tellHealth(_ telling: HealthTelling, _ logger: Logger) async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                for news in (try? await telling()) ?? [] { logger.notice("\(news)") }
                try? await Task.sleep(for: .seconds(HealthTelling.everySeconds))
            }
        }
        try? await telling.end()
    }

    /// Apart from the epochs, which must not wait for it.
    private static func keepUses(_ uses: KeyUses, _ pool: ConnectionPool) async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                // What cannot be written now is written later.
                try? await uses.write(in: pool)
                try? await Task.sleep(for: .seconds(2))
            }
        }
    }

    private static func listen(
        _ address: DatabaseAddress, _ hints: Hints, _ submitHints: SubmitHints, _ epochs: EpochWatch
    ) async {
        await cancelWhenGracefulShutdown {
            await Listener(address, channels: [TaskQueue.channel, SubmitBook.channel, EpochWatch.channel]).run {
                hints.heard()
            } received: { notification in
                switch notification.channel {
                case TaskQueue.channel: hints.heard()
                case SubmitBook.channel: submitHints.heard(notification.payload)
                default: try? await epochs.refresh()
                }
            }
        }
    }

    private static func requireCurrentSchema(_ settings: Settings, _ database: OpenDatabase) async throws {
        let pending = try await Migrator(folder: settings.migrationsFolder).pending(database.pool)
        guard pending.isEmpty else {
            throw CommandError("the database lacks \(pending.count) migrations: run `zadmin migrate`")
        }
    }

    private static func notReadyReason(_ settings: Settings, _ database: OpenDatabase) async -> String? {
        do {
            let pending = try await Migrator(folder: settings.migrationsFolder).pending(database.pool)
            return pending.isEmpty ? nil : "the database lacks migrations: run `zadmin migrate`"
        } catch {
            return "\(error)"
        }
    }
}

/// A part of the server as a service.
private struct Part: Service {
    private let body: @Sendable () async -> Void
    private let after: @Sendable () async -> Void

    init(_ after: @escaping @Sendable () async -> Void = {}, _ body: @escaping @Sendable () async -> Void) {
        self.after = after
        self.body = body
    }

    func run() async throws {
        await body()
        await after()
    }
}

private func untilShutdown() async {
    try? await gracefulShutdown()
}
