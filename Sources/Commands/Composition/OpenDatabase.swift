import Dispatch
import Logging
import Postgres

/// The database that the settings name, ready for use. Without an address it is the embedded one, which is then started,
/// migrated, and stopped again by its last user.
struct OpenDatabase: Sendable {
    /// The restricted role that every session takes on; see `Migrations/0001`.
    static let serviceRole = "zimage_service"

    let pool: ConnectionPool
    /// For the listener, which has a session of its own.
    let address: DatabaseAddress
    /// The owner's rights, for migrations.
    let ownerAddress: DatabaseAddress
    private let cluster: ClusterLease?

    /// Whether the cluster is this process's to start and stop.
    var isEmbedded: Bool { cluster != nil }

    /// Opens the database.
    static func open(_ settings: Settings, connectionsMax: Int) async throws -> OpenDatabase {
        guard let url = settings.databaseURL else { return try await openEmbedded(settings, connectionsMax) }
        return OpenDatabase(url: url, settings, connectionsMax: connectionsMax, cluster: nil)
    }

    private static func openEmbedded(_ settings: Settings, _ connectionsMax: Int) async throws -> OpenDatabase {
        let lease = try await onOwnThread { try EmbeddedCluster(dataFolder: settings.dataFolder).acquire() }
        let database = OpenDatabase(url: lease.url, settings, connectionsMax: connectionsMax, cluster: lease)
        do { _ = try await Migrator(folder: settings.migrationsFolder).apply(database.ownerAddress) } catch {
            await database.close()
            throw error
        }
        return database
    }

    private init(url: String, _ settings: Settings, connectionsMax: Int, cluster: ClusterLease?) {
        let watch = settings.crashPoints?.watch
        address = DatabaseAddress(url: url, role: Self.serviceRole, watch: watch)
        ownerAddress = DatabaseAddress(url: url, role: nil, statementTimeoutSeconds: 3600, watch: watch)
        pool = ConnectionPool(address, connectionsMax: connectionsMax)
        self.cluster = cluster
    }

    /// Watches over an embedded cluster: one that was killed is started again. Until the task is cancelled.
    func keepAlive(_ logger: Logger) async {
        guard let cluster else { return }
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            do { try await pool.execute(Self.ping) } catch {
                guard error.code == .cannotConnect, !Task.isCancelled else { continue }
                logger.error("the embedded database is down and is started again")
                do { try await Self.onOwnThread { try cluster.revive() } } catch {
                    logger.error("the embedded database cannot be started", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    /// Does what needs the database, again and again while that is away: one that starts together with this program, as after
    /// a power cut, is waited for. Only work that can be repeated.
    func whenAvailable<Answer>(
        waitingAtMost seconds: Int, _ logger: Logger, _ work: () async throws -> Answer
    ) async throws -> Answer {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            do { return try await work() } catch let error as PostgresError where error.isUnavailable {
                guard ContinuousClock.now < deadline else { throw error }
                logger.warning("the database is away, trying again", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    static let ping = Statement("ping", "select 1")

    /// Lets go of the database; the last user of an embedded one stops it.
    func close() async {
        guard let cluster else { return }
        // Nothing is lost when it cannot be stopped: it is found again by the next user.
        try? await Self.onOwnThread { try cluster.release() }
    }

    /// Starting and stopping a cluster blocks for a second or more.
    static func onOwnThread<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try work() }) }
        }
    }
}
