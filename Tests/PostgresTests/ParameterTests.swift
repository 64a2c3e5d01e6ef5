import Foundation
import Postgres
import Testing
import TestSupport

/// Every value goes to the server in binary, is read by it (its own text of the value is compared) and comes back.
@Suite(.timeLimit(.minutes(5))) struct ParameterTests {
    @Test func numbersAndTruthsRoundTrip() async throws {
        let pool = try await TestDatabase.fresh(connectionsMax: 1).pool
        let big = Statement("t_int8", "select $1, $1::text")
        for value in [0, 1, -1, 255, 256, .min, .max] as [Int64] {
            #expect(try await back(pool, big, value, as: Int64.self) == [value: "\(value)"])
            #expect(try await back(pool, big, Int(value), as: Int.self) == [Int(value): "\(value)"])
        }
        let small = Statement("t_int4", "select $1, $1::text, ($1 / 65536)::int2")
        for value in [0, 1, -1, .min, .max] as [Int32] {
            let read = try await pool.one(small, [Parameter(value)]) { (row) throws(PostgresError) in
                (try row.get(0, as: Int.self), try row.get(1, as: String.self), try row.get(2, as: Int64.self))
            }
            #expect(read == (Int(value), "\(value)", Int64(value / 65536)))
        }
        let truth = Statement("t_bool", "select $1, $1::text")
        for value in [true, false] {
            #expect(try await back(pool, truth, value, as: Bool.self) == [value: "\(value)"])
        }
    }

    @Test(arguments: ["", " ", "a", "'\"\\$1;--", "\n\t\u{1}\u{7f}", "\u{732b}\u{1f431}e\u{301}", "\u{10ffff}", "NULL"])
    func textRoundTrips(text: String) async throws {
        let pool = try await TestDatabase.fresh(connectionsMax: 1).pool
        let statement = Statement("t_text", "select $1, encode(convert_to($1, 'UTF8'), 'hex'), $1 is null")
        let read = try await pool.one(statement, [Parameter(text)]) { (row) throws(PostgresError) in
            (try row.get(0, as: String.self), try row.get(1, as: String.self), try row.get(2, as: Bool.self))
        }
        #expect(Array(read.0.utf8) == Array(text.utf8))
        #expect(read.1 == hex(Array(text.utf8)))
        #expect(read.2 == false, "an empty text is not NULL")
    }

    @Test func bytesAndJSONRoundTrip() async throws {
        let pool = try await TestDatabase.fresh(connectionsMax: 1).pool
        let bytea = Statement("t_bytea", "select $1, encode($1, 'hex')")
        for array in [[], [0], Array(0...255)] as [[UInt8]] {
            let read = try await pool.one(bytea, [Parameter(Bytes(array))]) { (row) throws(PostgresError) in
                (try row.get(0, as: Bytes.self).values, try row.get(1, as: String.self))
            }
            #expect(read == (array, hex(array)))
        }
        let json = Statement("t_jsonb", "select $1, $1 ->> 'a', pg_typeof($1)::text")
        let read = try await pool.one(json, [Parameter(JSONText(#"{"a": "\u732b", "n": 0.026}"#))]) {
            (row) throws(PostgresError) in
            [try row.get(0, as: JSONText.self).string, try row.get(1, as: String.self), try row.get(2, as: String.self)]
        }
        #expect(read == ["{\"a\": \"\u{732b}\", \"n\": 0.026}", "\u{732b}", "jsonb"])
    }

    @Test func momentsRoundTripToTheMicrosecond() async throws {
        let pool = try await TestDatabase.fresh(connectionsMax: 1).pool
        let statement = Statement("t_time", "select $1, to_char($1, 'YYYY-MM-DD HH24:MI:SS.US')")
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00.000000"), (946_684_800, "2000-01-01 00:00:00.000000"),
            (1_700_000_000.000_001, "2023-11-14 22:13:20.000001"), (1_700_000_000.999_999, "2023-11-14 22:13:20.999999"),
            (-1.5, "1969-12-31 23:59:58.500000"), (4_102_444_800, "2100-01-01 00:00:00.000000"),
        ] as [(Double, String)] {
            let date = Date(timeIntervalSince1970: seconds)
            let read = try await pool.one(statement, [Parameter(date)]) { (row) throws(PostgresError) in
                (try row.get(0, as: Date.self), try row.get(1, as: String.self))
            }
            #expect(read.1 == text)
            #expect(abs(read.0.timeIntervalSince(date)) < 0.000_001)
        }
    }

    @Test func nullIsNullOfEveryType() async throws {
        let pool = try await TestDatabase.fresh(connectionsMax: 1).pool
        let statement = Statement(
            "t_nulls",
            "select $1::int8, $2::text, $3::jsonb, $4::bytea, $5::timestamptz, $6::bool, $7::int4, $8::text[], num_nulls($1, $8)")
        let nulls = [
            Parameter(Int64?.none), Parameter(String?.none), Parameter(JSONText?.none), Parameter(Bytes?.none),
            Parameter(Date?.none), Parameter(Bool?.none), Parameter(Int32?.none), Parameter([String]?.none),
        ]
        let read = try await pool.one(statement, nulls) { (row) throws(PostgresError) in
            [
                try row.get(0, as: Int64?.self) == nil, try row.get(1, as: String?.self) == nil,
                try row.get(2, as: JSONText?.self) == nil, try row.get(3, as: Bytes?.self) == nil,
                try row.get(4, as: Date?.self) == nil, try row.get(5, as: Bool?.self) == nil,
                try row.get(6, as: Int?.self) == nil, try row.get(8, as: Int.self) == 2,
            ]
        }
        #expect(read.allSatisfy { $0 })
        let present = Statement("t_present", "select $1, $2")
        let values = try await pool.one(present, [Parameter(Int64?.some(5)), Parameter(String?.some(""))]) {
            (row) throws(PostgresError) in (try row.get(0, as: Int64?.self), try row.get(1, as: String?.self))
        }
        #expect(values == (5, ""))
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// What a statement answers to one parameter: the value, and the server's own text of it.
private func back<T: Row.Decodable & Hashable & Sendable>(
    _ pool: ConnectionPool, _ statement: Statement, _ value: some Bindable, as type: T.Type
) async throws -> [T: String] {
    try await pool.one(statement, [Parameter(value)]) { row throws(PostgresError) in
        [try row.get(0, as: T.self): try row.get(1, as: String.self)]
    }
}
