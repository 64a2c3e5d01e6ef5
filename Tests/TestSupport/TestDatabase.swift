import Foundation
public import Postgres

/// A freshly migrated database of its own for a test: a clone of the template, made in milliseconds and dropped when the
/// test lets go of it or with the cluster.
public struct TestDatabase: Sendable {
    /// A libpq address with the owner's rights.
    public let url: String
    /// The address as the service uses it: with the restricted role.
    public let address: DatabaseAddress
    /// The address with the owner's rights.
    public let ownerAddress: DatabaseAddress
    /// A pool of sessions with the service's role.
    public let pool: ConnectionPool
    /// A pool of sessions with the owner's rights, for looking and for tampering.
    public let owner: ConnectionPool

    /// Makes one.
    public static func fresh(connectionsMax: Int = 8) async throws -> TestDatabase {
        let cluster = try await TestCluster.shared.url()
        let name = "t_" + UUID().uuidString.lowercased().replacingOccurrences(of: "-", with: "")
        let admin = try await Connection.open(DatabaseAddress(url: cluster, role: nil))
        _ = try await admin.runText("create database \(name) template \(TestCluster.template)")
        return TestDatabase(url: url(cluster, database: name), connectionsMax: connectionsMax)
    }

    /// Makes one from migrations of its own, for tests that break them on purpose.
    public static func migrated(from folder: String, connectionsMax: Int = 8) async throws -> TestDatabase {
        let cluster = try await TestCluster.shared.url()
        let name = "m_" + UUID().uuidString.lowercased().replacingOccurrences(of: "-", with: "")
        let admin = try await Connection.open(DatabaseAddress(url: cluster, role: nil))
        _ = try await admin.runText("create database \(name)")
        let database = TestDatabase(url: url(cluster, database: name), connectionsMax: connectionsMax)
        _ = try await Migrator(folder: folder).apply(database.ownerAddress)
        return database
    }

    private init(url: String, connectionsMax: Int) {
        self.url = url
        address = DatabaseAddress(url: url, role: "zimage_service")
        ownerAddress = DatabaseAddress(url: url, role: nil)
        pool = ConnectionPool(address, connectionsMax: connectionsMax)
        owner = ConnectionPool(ownerAddress, connectionsMax: 4)
    }

    /// The same cluster, another database: the address is `postgresql:///zimage?host=...`.
    static func url(_ cluster: String, database: String) -> String {
        cluster.replacingOccurrences(of: "postgresql:///zimage?", with: "postgresql:///\(database)?")
    }

    /// The only number that a query answers, with the owner's rights.
    public func number(_ sql: String) async throws -> Int64 {
        let rows = try await owner.withConnection { try await $0.runText(sql) }
        guard let text = rows.first?.first, let text, let number = Int64(text) else {
            throw TestFailure("not one number: \(sql)")
        }
        return number
    }

    /// Rows of texts, with the owner's rights.
    @discardableResult
    public func rows(_ sql: String) async throws -> [[String?]] {
        try await owner.withConnection { try await $0.runText(sql) }
    }

    /// Folds all usage that is committed. It waits for older transactions, also for those of other tests in the cluster.
    public func foldUsage() async throws {
        while try await number("select count(*) from usage_tail") > 0 {
            try Task.checkCancellation()
            try await rows("select fold_usage()")
        }
    }
}

/// A test cannot go on.
public struct TestFailure: Error, CustomStringConvertible {
    public let description: String
    /// Why.
    public init(_ description: String) { self.description = description }
}
