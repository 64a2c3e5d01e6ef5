import Postgres
import Testing
import TestSupport

@Suite(.timeLimit(.minutes(5))) struct CopyTests {
    private let count = Statement("count", "select count(*), count(name), coalesce(sum(id), 0)::bigint from bulk")

    @Test func tenThousandRowsArriveInChunks() async throws {
        let database = try await bulk()
        let chunks = Counter()
        let read = try await database.owner.withConnection { connection in
            try await connection.copyIn("copy bulk (id, name) from stdin") {
                let chunk = chunks.add()
                // A hundred chunks of a hundred lines, with an empty one among them.
                if chunk == 50 { return [] }
                guard chunk <= 101 else { return nil }
                let first = (chunk < 50 ? chunk - 1 : chunk - 2) * 100
                let lines = (first..<(first + 100)).map { "\($0)\t" + ($0 % 10 == 0 ? "\\N" : "\u{1f431} \($0)") + "\n" }
                return Array(lines.joined().utf8)
            }
            return try await numbers(connection)
        }
        #expect(read == [10_000, 9_000, 49_995_000])
        #expect(try await database.rows("select name from bulk where id = 1") == [["\u{1f431} 1"]])
    }

    @Test func senderThatGivesUpWritesNothingAndKeepsTheSession() async throws {
        let database = try await bulk()
        let read = try await database.owner.withConnection { connection in
            let chunks = Counter()
            await #expect(throws: Stop.self) {
                try await connection.copyIn("copy bulk (id, name) from stdin") {
                    let chunk = chunks.add()
                    if chunk == 3 { throw Stop() }
                    return Array("\(chunk)\tx\n".utf8)
                }
            }
            let after = try await numbers(connection)
            let again = Counter()
            try await connection.copyIn("copy bulk (id, name) from stdin") {
                again.add() == 1 ? Array("7\tseven\n".utf8) : nil
            }
            return [after, try await numbers(connection)]
        }
        #expect(read == [[0, 0, 0], [1, 1, 7]])
    }

    @Test(arguments: [
        ("x\ty\n", "22P02", nil), ("1\ta\tb\n", "22P04", nil), ("1\n", "22P04", nil), ("1\ta\n1\tb\n", "23505", "bulk_pkey"),
        ("\\N\ta\n", "23502", nil), ("1\t\u{0}\n", "22021", nil),
    ] as [(String, String, String?)])
    func refusedLinesWriteNothingAndKeepTheSession(lines: String, state: String, constraint: String?) async throws {
        let database = try await bulk()
        let (error, after) = try await database.owner.withConnection { connection in
            let chunks = Counter()
            let error = try await postgresError {
                try await connection.copyIn("copy bulk (id, name) from stdin") {
                    switch chunks.add() {
                    case 1: Array("5\tfine\n".utf8)
                    case 2: Array(lines.utf8)
                    default: nil
                    }
                }
            }
            return (error, try await numbers(connection))
        }
        #expect(error.code == .server)
        #expect(error.sqlState == state)
        #expect(error.constraint == constraint)
        #expect(after == [0, 0, 0])
    }

    @Test func tableThatIsNotThereIsAnError() async throws {
        let database = try await bulk()
        let after = try await database.owner.withConnection { connection in
            let error = try await postgresError { try await connection.copyIn("copy nowhere from stdin") { nil } }
            #expect(error.sqlState == "42P01")
            return try await numbers(connection)
        }
        #expect(after == [0, 0, 0])
    }

    private func bulk() async throws -> TestDatabase {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        try await database.rows("create table bulk (id bigint primary key, name text)")
        return database
    }

    private func numbers(_ session: any Session) async throws -> [Int] {
        try await session.one(count) { row throws(PostgresError) in
            [try row.get(0, as: Int.self), try row.get(1, as: Int.self), try row.get(2, as: Int.self)]
        }
    }
}
