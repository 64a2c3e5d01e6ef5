import Foundation

/// One numbered file of SQL.
public struct Migration: Sendable, Equatable {
    /// The number in front of its name; they count up from 1 without gaps.
    public let number: Int
    /// The file's name.
    public let name: String
    let sql: String
    let checksum: String

    /// Reads the files of a folder in order.
    public static func read(folder: String) throws(PostgresError) -> [Migration] {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
            .filter { $0.hasSuffix(".sql") }.sorted()
        guard !names.isEmpty else {
            throw PostgresError(.migration, detail: "no migrations in \(folder): set ZIMAGE_MIGRATIONS to their folder")
        }
        var migrations: [Migration] = []
        for name in names {
            guard let number = Int(name.prefix { $0.isNumber }), number == migrations.count + 1,
                let data = FileManager.default.contents(atPath: "\(folder)/\(name)")
            else {
                throw PostgresError(
                    .migration, detail: "\(name): files must be readable and numbered 0001, 0002, ... without gaps")
            }
            migrations.append(
                Migration(number: number, name: name, sql: String(decoding: data, as: UTF8.self), checksum: fnv(data)))
        }
        return migrations
    }

    /// FNV-1a, 64 bits: it finds edits, it is no defence against forgery.
    private static func fnv(_ data: Data) -> String {
        let hash = data.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }
}

/// Applies migrations in order, each file in one transaction, under a lock that only one process can hold.
public struct Migrator: Sendable {
    private static let table = """
        create table if not exists schema_migrations (
            number int primary key, name text not null, checksum text not null,
            applied_at timestamptz not null default now())
        """
    /// Any constant that no other program on the database uses.
    private static let lock = "select pg_advisory_lock(7216500331)"
    private static let unlock = "select pg_advisory_unlock(7216500331)"
    private static let applied = Statement(
        "migrations_applied", "select number, name, checksum from schema_migrations order by number")
    private static let record = Statement(
        "migration_record", "insert into schema_migrations (number, name, checksum) values ($1::int, $2, $3)")
    private static let exists = Statement(
        "migrations_table", "select to_regclass('schema_migrations') is not null")

    /// All statements of the migrator.
    public static let statements = [applied, record, exists]

    private let migrations: [Migration]

    /// - Parameter folder: where the numbered files are.
    public init(folder: String) throws(PostgresError) { migrations = try Migration.read(folder: folder) }

    /// Applies what is missing.
    /// - Returns: the names of the files applied now.
    public func apply(_ address: DatabaseAddress) async throws(PostgresError) -> [String] {
        let connection = try await Connection.open(address)
        try await connection.simple(Self.lock)
        try await connection.simple(Self.table)
        var names: [String] = []
        for migration in try await missing(connection) {
            do {
                try await connection.begin(.readWrite)
                try await connection.simple(migration.sql)
                try await connection.execute(
                    Self.record,
                    [Parameter(Int32(migration.number)), Parameter(migration.name), Parameter(migration.checksum)])
                try await connection.commit()
            } catch {
                throw PostgresError(.migration, sqlState: error.sqlState, detail: "\(migration.name): \(error.detail)")
            }
            names.append(migration.name)
        }
        try await connection.simple(Self.unlock)
        return names
    }

    /// The files that are not applied yet; an edited or unknown one is an error.
    public func pending(_ session: any Session) async throws(PostgresError) -> [String] {
        guard try await session.one(Self.exists, decode: { (row) throws(PostgresError) in try row.get(0, as: Bool.self) })
        else { return migrations.map(\.name) }
        return try await missing(session).map(\.name)
    }

    private func missing(_ session: any Session) async throws(PostgresError) -> [Migration] {
        let done = try await session.query(Self.applied, []) { (row) throws(PostgresError) in
            (number: try row.get(0, as: Int.self), name: try row.get(1, as: String.self),
                checksum: try row.get(2, as: String.self))
        }
        for entry in done {
            guard entry.number <= migrations.count else {
                throw PostgresError(
                    .migration, detail: "the database has \(entry.name), which this program does not know: upgrade it")
            }
            guard migrations[entry.number - 1].checksum == entry.checksum else {
                throw PostgresError(
                    .migration,
                    detail: "\(entry.name) was edited after it was applied: restore it and add a new file instead")
            }
        }
        return Array(migrations.dropFirst(done.count))
    }
}
