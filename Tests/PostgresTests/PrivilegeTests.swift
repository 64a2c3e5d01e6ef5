import Postgres
import Testing
import TestSupport

/// What the running service cannot do, whatever its code says, and what not even the owner can.
@Suite(.timeLimit(.minutes(5))) struct PrivilegeTests {
    @Test func serviceCannotWriteMoneyTasksOrTheQueue() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        _ = try await Tenant.make(database)
        let before = try await database.rows("select sum(available), sum(granted), (select count(*) from entries) from wallets")
        for sql in Self.forbidden {
            let error = try await postgresError { try await database.pool.withConnection { _ = try await $0.runText(sql) } }
            #expect(error.sqlState == "42501", "\(sql)")
        }
        let after = try await database.rows("select sum(available), sum(granted), (select count(*) from entries) from wallets")
        #expect(after == before)
        #expect(try await ledgerDrift(database) == [])
    }

    @Test func serviceMayDeleteNothingOfTheMoney() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        let granted = try await database.rows(
            """
            select c.relname, p from pg_class c, unnest(array['DELETE', 'TRUNCATE', 'TRIGGER']) p
            where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
                and has_table_privilege('zimage_service', c.oid, p)
            order by 1
            """)
        // What is no record: the log of deliveries is kept for a month, a secret that was replaced ends, and so does a route.
        #expect(
            granted == [["callback_deliveries", "DELETE"], ["callback_secrets", "DELETE"], ["provider_routes", "DELETE"]])
        let money = try await database.rows(
            """
            select c.relname, p from pg_class c, unnest(array['INSERT', 'UPDATE']) p
            where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
                and c.relname ~ '^(entries|wallets|tasks|queue|leases|attempts|usage_|idempotency)'
                and (has_table_privilege('zimage_service', c.oid, p) or has_any_column_privilege('zimage_service', c.oid, p))
            """)
        #expect(money == [])
    }

    @Test func functionsWithTheOwnersRightsFixTheirSearchPath() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        let functions = try await database.rows(
            """
            select proname, array_to_string(proconfig, ',') from pg_proc
            where prosecdef and pronamespace = 'public'::regnamespace
            """)
        #expect(functions.count >= 5)
        for function in functions {
            #expect(function[1]?.hasPrefix("search_path=public, pg_temp") == true, "\(function[0] ?? "")")
        }
    }

    @Test func notEvenTheOwnerChangesEntries() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        _ = try await Tenant.make(database)
        let before = try await database.rows("select * from entries order by id")
        #expect(!before.isEmpty)
        let full = try await database.rows("select distinct tableoid::regclass from entries").compactMap { $0[0] }
        for table in ["entries"] + full {
            for sql in ["update \(table) set amount = 0", "update \(table) set reason = reason", "delete from \(table)"] {
                let error = try await postgresError { try await database.rows(sql) }
                #expect(error.sqlState == "42501", "\(sql)")
            }
        }
        #expect(try await postgresError { try await database.rows("truncate entries") }.sqlState == "42501")
        #expect(try await database.rows("select * from entries order by id") == before)
    }

    /// A trigger for TRUNCATE is not inherited by partitions, unlike one for rows.
    @Test func notEvenTheOwnerTruncatesAPartition() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        _ = try await Tenant.make(database)
        let partitions = try await database.rows("select inhrelid::regclass from pg_inherits where inhparent = 'entries'::regclass")
        #expect(partitions.count >= 3)
        for partition in partitions.compactMap({ $0[0] }) {
            await #expect(throws: PostgresError.self, "truncate \(partition)") { try await database.rows("truncate \(partition)") }
        }
        #expect(try await database.number("select count(*) from entries") > 0)
    }

    private static let forbidden = [
        "update entries set amount = 0", "delete from entries", "truncate entries",
        "insert into entries select * from entries", "update wallets set available = available + 1, granted = granted + 1",
        "delete from wallets", "truncate wallets", "insert into wallets (account_id, mode) values (1, 'live')",
        "update tasks set state = 'completed'", "delete from tasks", "truncate tasks", "insert into tasks select * from tasks",
        "update queue set attempts = 0", "delete from queue", "insert into queue values (1, 1)", "delete from leases",
        "update leases set until = now()", "delete from attempts", "update usage_facts set settled = 0", "delete from usage_facts",
        "update usage_rollups set settled = 0", "insert into usage_hours select * from usage_hours", "delete from usage_days",
        "update usage_fold set folded_to = 0",
        "delete from idempotency", "update idempotency set task_id = 1", "update prices set amount = 0", "delete from prices",
        "update audit_log set reason = 'x'", "delete from audit_log", "delete from admin_requests",
        "update admin_requests set result = '{}'",
        "update auth_epoch set epoch = 0", "update api_keys set wallet_id = 1", "update api_keys set hash = '$argon2id$'",
        "delete from api_keys", "delete from accounts", "update schema_migrations set checksum = ''",
        "update installation set secret_fingerprint = ''",
        "select setval('entries_id_seq', 1)", "alter table entries disable trigger all", "drop trigger entries_immutable on entries",
        "create table mine (n int)", "create function mine() returns int language sql as 'select 1'",
    ]
}
