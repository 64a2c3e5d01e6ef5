import Foundation
import Postgres
import Testing
import TestSupport

@Suite(.timeLimit(.minutes(5))) struct MigratorTests {
    private static let first = [
        "0001_a.sql": "create table a (n int); create table log (line text);", "0002_b.sql": "insert into a values (1);",
    ]

    @Test func filesAreAppliedInOrderAndOnce() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        let address = try await database.empty()
        let pool = ConnectionPool(address, connectionsMax: 1)
        try await withFolder(Self.first) { folder in
            #expect(try await Migrator(folder: folder).pending(pool) == ["0001_a.sql", "0002_b.sql"])
            #expect(try await Migrator(folder: folder).apply(address) == ["0001_a.sql", "0002_b.sql"])
            #expect(try await Migrator(folder: folder).apply(address) == [])
            #expect(try await Migrator(folder: folder).pending(pool) == [])
            // Ten files: 10 comes after 9, and files that are no SQL do not matter.
            for number in 3...10 {
                try write("insert into a values (\(number));", to: "\(folder)/\(number < 10 ? "000" : "00")\(number)_c.sql")
            }
            try write("notes", to: "\(folder)/README.md")
            #expect(try await Migrator(folder: folder).pending(pool).count == 8)
            #expect(try await Migrator(folder: folder).apply(address).last == "0010_c.sql")
        }
        #expect(try await rows(address, "select string_agg(n::text, ',') from a") == [["1,3,4,5,6,7,8,9,10"]])
        #expect(try await rows(address, "select count(*) from schema_migrations") == [["10"]])
    }

    @Test func editedFileIsRefused() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        let address = try await database.empty()
        try await withFolder(Self.first) { folder in
            _ = try await Migrator(folder: folder).apply(address)
            try write("insert into a values (2);", to: "\(folder)/0002_b.sql")
            try write("insert into a values (3);", to: "\(folder)/0003_c.sql")
            let migrator = try Migrator(folder: folder)
            let error = try await postgresError { _ = try await migrator.apply(address) }
            #expect(error.code == .migration)
            #expect(error.description.contains("0002_b.sql was edited after it was applied"))
            let pool = ConnectionPool(address, connectionsMax: 1)
            #expect(try await postgresError { _ = try await migrator.pending(pool) }.code == .migration)
        }
        #expect(try await rows(address, "select n from a") == [["1"]], "nothing after the edited file ran")
    }

    @Test func failingFileRollsBackWhollyAndCanBeRepaired() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        let address = try await database.empty()
        var files = Self.first
        files["0003_c.sql"] = "create table c (n int); insert into c values (1); select 1 / 0; create table d (n int);"
        files["0004_d.sql"] = "create table e (n int);"
        try await withFolder(files) { folder in
            let error = try await postgresError { _ = try await Migrator(folder: folder).apply(address) }
            #expect(error.code == .migration)
            #expect(error.sqlState == "22012")
            #expect(error.description.contains("0003_c.sql"))
            #expect(try await rows(address, "select to_regclass('c'), to_regclass('d'), to_regclass('e')") == [[nil, nil, nil]])
            #expect(try await rows(address, "select max(number) from schema_migrations") == [["2"]])
            try write("create table c (n int);", to: "\(folder)/0003_c.sql")
            #expect(try await Migrator(folder: folder).apply(address) == ["0003_c.sql", "0004_d.sql"])
        }
    }

    @Test func fileThatCannotBeRecordedIsNotAppliedEither() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        let address = try await database.empty()
        try await withFolder(["0001_a.sql": "create table a (n int); alter table schema_migrations drop checksum;"]) { folder in
            let error = try await postgresError { _ = try await Migrator(folder: folder).apply(address) }
            #expect(error.sqlState == "42703")
            #expect(try await rows(address, "select to_regclass('a')") == [[nil]])
            try write("create table a (n int);", to: "\(folder)/0001_a.sql")
            #expect(try await Migrator(folder: folder).apply(address) == ["0001_a.sql"])
        }
    }

    @Test(arguments: [
        (["0001_a.sql", "0003_b.sql"], "0003_b.sql"), (["0002_a.sql"], "0002_a.sql"),
        (["0001_a.sql", "0001_b.sql"], "0001_b.sql"), (["0000_a.sql"], "0000_a.sql"), (["a.sql"], "a.sql"),
        ([], "ZIMAGE_MIGRATIONS"), (["0001_a.txt"], "ZIMAGE_MIGRATIONS"),
    ])
    func gapsAndUnnumberedFilesAreRefused(names: [String], mention: String) async throws {
        try await withFolder(Dictionary(uniqueKeysWithValues: names.map { ($0, "select 1") })) { folder in
            let error = try await postgresError { _ = try Migrator(folder: folder) }
            #expect(error.code == .migration)
            #expect(error.description.contains(mention))
        }
    }

    @Test func databaseOfANewerProgramIsRefused() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        let address = try await database.empty()
        try await withFolder(Self.first) { folder in
            _ = try await Migrator(folder: folder).apply(address)
            try FileManager.default.removeItem(atPath: "\(folder)/0002_b.sql")
            let error = try await postgresError { _ = try await Migrator(folder: folder).apply(address) }
            #expect(error.code == .migration)
            #expect(error.description.contains("0002_b.sql") && error.description.contains("upgrade"))
        }
    }

    @Test func migratorsAtTheSameTimeApplyEachFileOnce() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        let address = try await database.empty()
        var files = Self.first
        for number in 3...6 { files["000\(number)_c.sql"] = "insert into log values ('\(number)');" }
        try await withFolder(files) { folder in
            let migrator = try Migrator(folder: folder)
            let gate = Rendezvous(4)
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        await gate.meet()
                        return try await migrator.apply(address)
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(applied.sorted() == files.keys.sorted())
        }
        #expect(try await rows(address, "select line from log") == [["3"], ["4"], ["5"], ["6"]])
    }

    @Test func repositorysOwnFilesAreAllApplied() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        let migrator = try Migrator(folder: RepositoryPaths.migrations)
        #expect(try await migrator.pending(database.pool) == [], "the service's role can ask")
        #expect(try await migrator.apply(database.ownerAddress) == [])
    }

    private func rows(_ address: DatabaseAddress, _ sql: String) async throws -> [[String?]] {
        try await Connection.open(address).runText(sql)
    }

    private func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    private func withFolder(_ files: [String: String], _ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/zimage-migrations-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (name, sql) in files { try write(sql, to: "\(folder)/\(name)") }
        try await body(folder)
    }
}
