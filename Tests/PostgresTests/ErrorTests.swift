import Foundation
@testable import Postgres
import Testing
import TestSupport

@Suite(.timeLimit(.minutes(5))) struct ErrorTests {
    private static let marker = "secret-prompt-xyz"
    private static let noRow = Statement("no_row", "select 1 where false")

    @Test func columnOfAnotherTypeIsATypedError() async throws {
        let pool = try await TestDatabase.fresh(connectionsMax: 1).pool
        let statement = Statement(
            "shapes",
            "select 'text'::text, null::int8, 5::int8, true, now(), '{}'::jsonb, '\\x00'::bytea, 1.5::numeric, '{1}'::int[]")
        for reader in 0..<12 {
            let error = try await postgresError {
                _ = try await pool.query(statement, []) { row throws(PostgresError) in try Self.misread(row, reader) }
            }
            #expect(error.code == .unexpectedReply, "reader \(reader)")
            #expect(error.statement == "shapes")
            #expect(error.description.contains("zadmin migrate"))
        }
        let none = try await postgresError {
            _ = try await pool.one(Self.noRow) { _ throws(PostgresError) in 1 }
        }
        #expect(none.code == .unexpectedReply && none.statement == "no_row")
        let first = try await pool.first(Self.noRow) { _ throws(PostgresError) in 1 }
        #expect(first == nil)
    }

    /// Reads a column of the row above as something that it is not.
    private static func misread(_ row: Row, _ reader: Int) throws(PostgresError) {
        switch reader {
        case 0: _ = try row.get(0, as: Int64.self)
        case 1: _ = try row.get(1, as: Int64.self)
        case 2: _ = try row.get(2, as: String.self)
        case 3: _ = try row.get(2, as: Bool.self)
        case 4: _ = try row.get(2, as: Date.self)
        case 5: _ = try row.get(3, as: Int.self)
        case 6: _ = try row.get(4, as: Int64.self)
        case 7: _ = try row.get(5, as: String.self)
        case 8: _ = try row.get(6, as: JSONText?.self)
        case 9: _ = try row.get(7, as: Int.self)
        case 10: _ = try row.get(8, as: String.self)
        default: _ = try row.get(9, as: String?.self)
        }
    }

    @Test func enumsAndNamesAreTexts() async throws {
        let pool = try await TestDatabase.fresh(connectionsMax: 1).pool
        let read = try await pool.one(Statement("enums", "select 'live'::account_mode, 'n'::name, 'v'::varchar(3)")) {
            (row) throws(PostgresError) in
            [try row.get(0, as: String.self), try row.get(1, as: String.self), try row.get(2, as: String.self)]
        }
        #expect(read == ["live", "n", "v"])
    }

    @Test func refusalKeepsItsStateConstraintAndStatement() async throws {
        let pool = try await probed().owner
        for (statement, state, constraint) in [
            (Statement("dup_id", "insert into probe (id, must) values (1, '')"), "23505", "probe_pkey"),
            (Statement("dup_name", "insert into probe (id, name, must) values (2, 'one', '')"), "23505", "probe_name_key"),
            (Statement("check", "insert into probe (id, small, must) values (2, 10, '')"), "23514", "probe_small"),
            (Statement("not_null", "insert into probe (id) values (2)"), "23502", nil),
            (Statement("foreign", "insert into probe (id, must, parent) values (2, '', 9)"), "23503", "probe_parent_fkey"),
            (Statement("zero", "select 1 / 0"), "22012", nil),
            (Statement("syntax", "selec 1"), "42601", nil),
            (Statement("missing", "select * from nowhere"), "42P01", nil),
        ] as [(Statement, String, String?)] {
            let error = try await postgresError { try await pool.execute(statement) }
            #expect(error.code == .server)
            #expect(error.sqlState == state)
            #expect(error.constraint == constraint)
            #expect(error.statement == statement.name)
            #expect(error.description.contains(state) && error.description.contains(statement.name))
            if let constraint { #expect(error.description.contains(constraint)) }
        }
        // After all those refusals the session works.
        let left = try await pool.one(Statement("left", "select count(*) from probe")) { row throws(PostgresError) in
            try row.get(0, as: Int.self)
        }
        #expect(left == 1)
    }

    @Test func noDescriptionHoldsABoundValue() async throws {
        let database = try await probed()
        let secret = Parameter(Self.marker)
        var quoted = 0
        for (statement, parameters) in Self.failing {
            let error = try await postgresError { try await database.owner.execute(statement, parameters) }
            #expect(error.code == .server, "\(statement.name) reached the server")
            #expect(!error.description.contains(Self.marker), "\(statement.name)")
            #expect(!"\(error)".contains(Self.marker), "\(statement.name)")
            #expect(!error.localizedDescription.contains(Self.marker), "\(statement.name)")
            #expect(!(error.constraint ?? "").contains(Self.marker), "\(statement.name)")
            if error.debugDescription.contains(Self.marker) { quoted += 1 }
        }
        #expect(quoted >= 5, "the server's own sentences quote values, so this test would notice")
        let shape = try await postgresError {
            _ = try await database.owner.one(Statement("s_shape", "select $1::text"), [secret]) { row throws(PostgresError) in
                try row.get(0, as: Int.self)
            }
        }
        #expect(!shape.description.contains(Self.marker) && !shape.debugDescription.contains(Self.marker))
    }

    @Test func addressAndItsPasswordAreNotInTheError() async throws {
        let address = DatabaseAddress(
            url: "postgresql://ann:\(Self.marker)@/none?host=/nonexistent/zimage", role: nil)
        let error = try await postgresError { _ = try await Connection.open(address) }
        #expect(error.code == .cannotConnect)
        #expect(error.isUnavailable && !error.isTransient)
        #expect(!error.description.contains(Self.marker))
        #expect(error.description.contains("ZIMAGE_DATABASE_URL"))
    }

    @Test(arguments: [
        ("40001", true, false), ("40P01", true, false), ("57P01", false, true), ("57P02", false, true), ("57P03", false, true),
        ("53300", false, true), ("23505", false, false), ("57014", false, false), ("42501", false, false),
    ])
    func statesThatAreTriedAgain(state: String, isTransient: Bool, isUnavailable: Bool) {
        let error = PostgresError(.server, sqlState: state, detail: "")
        #expect(error.isTransient == isTransient)
        #expect(error.isUnavailable == isUnavailable)
    }

    /// A table and functions that refuse in many ways.
    private func probed() async throws -> TestDatabase {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        try await database.rows(
            """
            create table probe (id int primary key, name text unique, small int constraint probe_small check (small < 10),
                must text not null, parent int references probe);
            insert into probe (id, name, must) values (1, 'one', ''), (1000, '\(Self.marker)', '');
            delete from probe where id = 1000;
            create function shout(t text) returns int language plpgsql as $$
                begin raise exception 'shouts %', t using detail = t, hint = t, constraint = 'shouting'; end $$;
            create function shout_sql(t text) returns int language plpgsql as $$
                begin execute format('select %L::int', t); return 1; end $$;
            """)
        return database
    }

    private static let failing: [(Statement, [Parameter])] = [
        (Statement("s_int", "select $1::text::int"), [Parameter(marker)]),
        (Statement("s_uuid", "select $1::text::uuid"), [Parameter(marker)]),
        (Statement("s_date", "select $1::text::timestamptz"), [Parameter(marker)]),
        (Statement("s_enum", "select $1::text::account_mode"), [Parameter(marker)]),
        (Statement("s_bool", "select $1::text::bool"), [Parameter(marker)]),
        (Statement("s_regex", "select 'a' ~ ('(' || $1::text)"), [Parameter(marker)]),
        (Statement("s_interval", "select now() + $1::text::interval"), [Parameter(marker)]),
        (Statement("s_class", "select $1::text::regclass"), [Parameter(marker)]),
        (Statement("s_jsonb", "select $1::jsonb"), [Parameter(JSONText("{\"prompt\": \(marker)}"))]),
        (Statement("s_nul", "select $1::text"), [Parameter("\(marker)\u{0}")]),
        (Statement("s_dup", "insert into probe (id, name, must) values (7, $1, ''), (8, $1, '')"), [Parameter(marker)]),
        (Statement("s_check", "insert into probe (id, name, small, must) values (9, $1, 11, $1)"), [Parameter(marker)]),
        (Statement("s_null", "insert into probe (id, name) values (9, $1)"), [Parameter(marker)]),
        (Statement("s_foreign", "insert into probe (id, name, must, parent) values (9, $1, $1, 99)"), [Parameter(marker)]),
        (Statement("s_raise", "select shout($1)"), [Parameter(marker)]),
        (Statement("s_execute", "select shout_sql($1)"), [Parameter(marker)]),
        (Statement("s_array", "select a::int from unnest($1::text[]) a"), [Parameter([marker])]),
        (Statement("s_bytea", "select convert_from($1, 'UTF8')::int"), [Parameter(Bytes(Array(marker.utf8)))]),
        (Statement("s_long", "select set_config('statement_timeout', $1, true)"), [Parameter(marker)]),
    ]
}
