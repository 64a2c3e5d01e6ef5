import Dispatch
import Foundation
import Postgres
import Synchronization
import TestSupport

/// One durable embedded cluster for the system tests of a process; each test has a database of its own in it.
actor SystemCluster {
    static let shared = SystemCluster()

    private static let prefix = "zimage-system-"
    private var starting: Task<String, any Error>?

    /// The address of a new database: empty, or a copy of another one, which nobody may be using.
    func makeDatabase(copyOf original: String? = nil) async throws -> String {
        let name = "s_" + UUID().uuidString.lowercased().replacing("-", with: "")
        let template = original.map { " template \(Self.name(of: $0))" } ?? ""
        _ = try await admin().runText("create database \(name)\(template)")
        return try await url().replacing("postgresql:///zimage?", with: "postgresql:///\(name)?")
    }

    /// Removes a database of this cluster, also from under those who use it.
    func drop(_ database: String) async throws {
        _ = try await admin().runText("drop database \(Self.name(of: database)) with (force)")
    }

    private func admin() async throws -> Connection {
        try await Connection.open(DatabaseAddress(url: try await url(), role: nil))
    }

    private func url() async throws -> String {
        let task = starting ?? Task { try await Self.start() }
        starting = task
        return try await task.value
    }

    private static func name(of url: String) -> Substring {
        url.dropFirst("postgresql:///".count).prefix { $0 != "?" }
    }

    private static func start() async throws -> String {
        let base = FileManager.default.temporaryDirectory.path
        try removeLeftOvers(in: base)
        let folder = "\(base)/\(prefix)\(ProcessInfo.processInfo.processIdentifier)"
        let cluster = EmbeddedCluster(dataFolder: folder)
        leftBehind.withLock { $0 = folder }
        atexit {
            guard let folder = leftBehind.withLock({ $0 }) else { return }
            try? EmbeddedCluster(dataFolder: folder).stop()
            try? FileManager.default.removeItem(atPath: folder)
        }
        try await onOwnThread { try cluster.start() }
        // Roles are the whole cluster's: of two first migrations at once, both would make it.
        _ = try await Connection.open(DatabaseAddress(url: cluster.url, role: nil)).runText("create role zimage_service nologin")
        return cluster.url
    }

    private static func removeLeftOvers(in base: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: base) where name.hasPrefix(prefix) {
            guard let pid = Int32(name.dropFirst(prefix.count)), kill(pid, 0) != 0 else { continue }
            try? EmbeddedCluster(dataFolder: "\(base)/\(name)").stop()
            try? FileManager.default.removeItem(atPath: "\(base)/\(name)")
        }
    }
}

/// Starting and stopping a cluster blocks for a second or more.
func onOwnThread<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result { try work() }) }
    }
}

private let leftBehind = Mutex<String?>(nil)
