import Foundation
import Postgres
import Testing
import TestSupport

@Suite(.timeLimit(.minutes(5))) struct ArrayTests {
    @Test func arraysOfEveryTypeRoundTripWithTheirNulls() async throws {
        let pool = try await TestDatabase.fresh(connectionsMax: 1).pool
        let numbers: [Int64?] = [1, nil, .min, .max, 0]
        #expect(try await column(pool, Statement("a1", "select * from unnest($1::bigint[])"), Parameter(numbers)) == numbers)
        let texts: [String?] = ["", nil, "NULL", "{a,\"b\"}", "\u{1f431}", "\\", nil]
        #expect(try await column(pool, Statement("a2", "select * from unnest($1::text[])"), Parameter(texts)) == texts)
        let truths: [Bool?] = [true, nil, false]
        #expect(try await column(pool, Statement("a3", "select * from unnest($1::bool[])"), Parameter(truths)) == truths)
        let small: [Int32?] = [nil, .min, .max]
        let read: [Int?] = try await column(pool, Statement("a4", "select * from unnest($1::int[])"), Parameter(small))
        #expect(read == small.map { $0.map(Int.init) })
        let dates: [Date?] = [Date(timeIntervalSince1970: 1.5), nil, Date(timeIntervalSince1970: 946_684_800)]
        #expect(try await column(pool, Statement("a5", "select * from unnest($1::timestamptz[])"), Parameter(dates)) == dates)
        let bytes: [[UInt8]?] = [[], nil, Array(0...255), [0]]
        let bytesRead: [Bytes?] = try await column(
            pool, Statement("a6", "select * from unnest($1::bytea[])"), Parameter(bytes.map { $0.map(Bytes.init) }))
        #expect(bytesRead.map { $0?.values } == bytes)
        let json: [String?] = ["{}", nil, "[1, null]", "\"\u{1f431}\"", "0.026"]
        let jsonRead: [JSONText?] = try await column(
            pool, Statement("a7", "select * from unnest($1::jsonb[])"), Parameter(json.map { $0.map(JSONText.init) }))
        #expect(jsonRead.map { $0?.string } == json)
    }

    @Test func emptyArrayIsNeitherNullNorOneEmptyElement() async throws {
        let pool = try await TestDatabase.fresh(connectionsMax: 1).pool
        let statement = Statement(
            "empty",
            """
            select cardinality($1::bigint[]), cardinality($2::text[]), cardinality($3::jsonb[]), cardinality($4::bytea[]),
                cardinality($5::timestamptz[]), cardinality($6::int[]), cardinality($7::bool[]), cardinality($8::text[]),
                cardinality($9::text[])
            """)
        let read = try await pool.one(
            statement,
            [
                Parameter([Int64]()), Parameter([String]()), Parameter([JSONText?]()), Parameter([Bytes]()),
                Parameter([Date]()), Parameter([Int32]()), Parameter([Bool]()), Parameter([""]), Parameter([String]?.none),
            ]
        ) { (row) throws(PostgresError) in
            var counts: [Int?] = []
            for column in 0..<9 { counts.append(try row.get(column, as: Int?.self)) }
            return counts
        }
        #expect(read == [0, 0, 0, 0, 0, 0, 0, 1, nil])
    }

    @Test func severalArraysOfABatchStayInStep() async throws {
        let pool = try await TestDatabase.fresh(connectionsMax: 1).pool
        let count = 5_000
        let statement = Statement(
            "batch",
            """
            select count(*), count(t), sum(i) from unnest($1::bigint[], $2::text[], $3::bytea[]) u (i, t, b)
            where t is null or t = 'n' || i and get_byte(b, 0) = i % 256
            """)
        let numbers = (0..<count).map { Int64($0) }
        let read = try await pool.one(
            statement,
            [
                Parameter(numbers), Parameter(numbers.map { $0 % 7 == 0 ? nil : "n\($0)" }),
                Parameter(numbers.map { Bytes([UInt8($0 % 256)]) }),
            ]
        ) { (row) throws(PostgresError) in (try row.get(0, as: Int.self), try row.get(1, as: Int.self)) }
        #expect(read == (count, count - (count + 6) / 7))
    }

    @Test func everyOtherParameterStaysWhereItIsBesideEmptyOnes() async throws {
        let pool = try await TestDatabase.fresh(connectionsMax: 1).pool
        let statement = Statement("beside", "select $1::text || '|' || $2::text || '|' || coalesce($3, 'null') || '|' || $4::text")
        let read = try await pool.one(
            statement, [Parameter(""), Parameter("b"), Parameter(String?.none), Parameter(Int64(7))]
        ) { (row) throws(PostgresError) in try row.get(0, as: String.self) }
        #expect(read == "|b|null|7")
    }

    private func column<T: Row.Decodable & Sendable>(
        _ pool: ConnectionPool, _ statement: Statement, _ parameter: Parameter
    ) async throws -> [T?] {
        try await pool.query(statement, [parameter]) { (row) throws(PostgresError) in try row.get(0, as: T?.self) }
    }
}
