import Dispatch
import Foundation
import Postgres
import Synchronization

/// One PostgreSQL cluster for all tests of a process, in a temporary folder, with a migrated template database. It is
/// the service's own embedded cluster, only not durable, and it goes away with the process.
actor TestCluster {
    static let shared = TestCluster()
    static let template = "zimage_template"

    private var starting: Task<String, any Error>?

    /// The address of the cluster's maintenance database, once the template is there.
    func url() async throws -> String {
        if let starting { return try await starting.value }
        let task = Task { try await Self.start() }
        starting = task
        return try await task.value
    }

    private static func start() async throws -> String {
        let base = FileManager.default.temporaryDirectory.path
        try removeLeftOvers(in: base)
        let folder = "\(base)/zimage-tests-\(ProcessInfo.processInfo.processIdentifier)"
        let cluster = EmbeddedCluster(dataFolder: folder, durable: false)
        let lease = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<ClusterLease, any Error>) in
            DispatchQueue.global().async { continuation.resume(with: Result { try cluster.acquire() }) }
        }
        leftBehind.withLock { $0 = (lease, folder) }
        atexit {
            guard let (lease, folder) = leftBehind.withLock({ $0 }) else { return }
            try? lease.release()
            try? FileManager.default.removeItem(atPath: folder)
        }
        let admin = try await Connection.open(DatabaseAddress(url: lease.url, role: nil))
        _ = try await admin.runText("create database \(template)")
        _ = try await Migrator(folder: RepositoryPaths.migrations).apply(
            DatabaseAddress(url: TestDatabase.url(lease.url, database: template), role: nil))
        return lease.url
    }

    /// Clusters of test processes that were killed.
    private static func removeLeftOvers(in base: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: base) where name.hasPrefix("zimage-tests-") {
            guard let pid = Int32(name.dropFirst("zimage-tests-".count)), kill(pid, 0) != 0 else { continue }
            try? EmbeddedCluster(dataFolder: "\(base)/\(name)").stop()
            try? FileManager.default.removeItem(atPath: "\(base)/\(name)")
        }
    }
}

/// What the process's exit handler, which cannot capture, removes.
private let leftBehind = Mutex<(ClusterLease, String)?>(nil)
