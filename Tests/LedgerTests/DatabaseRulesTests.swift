import Admission
import Domain
import Postgres
import Queue
import TestSupport
import Testing

extension LedgerSuites {
    /// What the database itself refuses, whatever the code above does.
    @Suite struct DatabaseRulesTests {
        /// A tenant with a task that is closed.
        private func closed() async throws -> (TestDatabase, Tenant, task: Int64) {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let id = try await database.admitted([acme.submission()])[0]
            let queue = TaskQueue(leaseSeconds: 60)
            let lease = try await queue.claim(node: "node", limit: 1, afterWallet: 0, in: database.pool)[0].lease
            _ = try await queue.close(
                [Ending(lease: lease, outcome: .completed(images: []), units: 0, provider: "sandbox")],
                in: database.pool)
            return (database, acme, id.value)
        }

        private func refusal(_ sql: String, _ database: TestDatabase) async throws -> PostgresError? {
            await #expect(throws: PostgresError.self, "\(sql)") { try await database.rows(sql) }
        }

        static let walletChanges = [
            ("available = available + 1", "wallets_conserve_credits"),
            ("reserved = reserved + 1", "wallets_conserve_credits"),
            ("settled = settled - 1", "wallets_conserve_credits"),
            ("granted = granted + 1", "wallets_conserve_credits"),
            ("available = -1, settled = settled + available + 1", "wallets_available_not_negative"),
            ("reserved = -1, available = available + 1", "wallets_reserved_not_negative"),
        ]

        @Test func aWalletNeitherMakesNorLosesCredits() async throws {
            let (database, acme, _) = try await closed()
            for (change, constraint) in Self.walletChanges {
                let error = try await refusal("update wallets set \(change) where id = \(acme.walletID)", database)
                #expect(error?.constraint == constraint)
            }
        }

        /// Rule 4, at the owner's rights: the second closing entry of a task cannot be written down.
        static let secondEntries = [
            ("settle", "reserved", "revenue"), ("refund", "reserved", "available"),
            ("reserve", "available", "reserved"),
        ]

        @Test func aTaskHasOneReservationAndOneEnd() async throws {
            let (database, acme, task) = try await closed()
            for (kind, debit, credit) in Self.secondEntries {
                let error = try await refusal(
                    """
                    insert into entries (period, wallet_id, kind, debit, credit, amount, task_id)
                    select period, \(acme.walletID), '\(kind)', '\(debit)', '\(credit)', 1, id
                    from tasks where id = \(task)
                    """, database)
                #expect(error?.sqlState == "23505")
            }
        }

        static let untruths = [
            ("insert into entries (period, wallet_id, kind, debit, credit, amount) values "
                + "(credit_month(now()), 1, 'grant', 'available', 'granted', 1)", "entries_kind_fits_accounts"),
            ("insert into entries (period, wallet_id, kind, debit, credit, amount) values "
                + "(credit_month(now()), 1, 'settle', 'reserved', 'revenue', 1)", "entries_task_iff_of_task"),
            ("insert into entries (period, wallet_id, kind, debit, credit, amount) values "
                + "(credit_month(now()), 1, 'grant', 'granted', 'available', -1)", "entries_amount_check"),
            ("insert into entries (period, wallet_id, kind, debit, credit, amount) values "
                + "(credit_month(now()) + 1, 1, 'grant', 'granted', 'available', 1)", "entries_period_is_month"),
            ("update tasks set settled = reserved + 1", "tasks_settle_within_reservation"),
            ("update tasks set state = 'failed'", "tasks_only_completed_cost"),
            ("update tasks set state = 'pending'", "tasks_final_iff_finished"),
            ("update tasks set settled = null", "tasks_final_iff_settled"),
        ]

        @Test func whatCannotBeTrueCannotBeWritten() async throws {
            let (database, _, _) = try await closed()
            for (sql, constraint) in Self.untruths {
                #expect(try await refusal(sql, database)?.constraint == constraint)
            }
        }

        /// Rule 7, for the owner as well.
        static let rewritings = ["update entries set amount = amount + 1", "delete from entries", "truncate entries"]

        @Test func whatIsWrittenStays() async throws {
            let (database, _, _) = try await closed()
            let month = try await database.rows("select tableoid::regclass from entries limit 1")[0][0]
            for sql in Self.rewritings + ["truncate \(month ?? "")"] {
                #expect(try await refusal(sql, database)?.sqlState == "42501")
            }
        }

        /// Prices are not changed either, but one that is not in force yet can be withdrawn once, and nothing else of it.
        static let repricings = [
            "update prices set amount = 0", "update prices set effective_from = now() + interval '2 days' where id = <F>",
            "update prices set amount = 0, withdrawn_at = now() where id = <F>", "update prices set reason = 'x' where id = <F>",
            "update prices set withdrawn_at = '1999-01-01' where id = <N>", "update prices set withdrawn_at = null where id = <W>",
            "update prices set withdrawn_at = now() where id = <S>", "delete from prices where id = <F>", "truncate prices",
        ]

        @Test func whatWasPricedStays() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let ids = [
                ("<N>", try await database.setPrice(micro: 1)),
                ("<S>", try await database.setPrice(micro: 2, from: "now() + interval '50 seconds'")),
                ("<F>", try await database.setPrice(micro: 3, from: "now() + interval '1 day'")),
                ("<W>", try await database.setPrice(micro: 4, from: "now() + interval '2 days'")),
            ]
            try await database.rows("update prices set withdrawn_at = now(), withdrawn_by = 'me' where id = \(ids[3].1)")
            let before = try await database.rows("select p::text from prices p order by id")
            for sql in Self.repricings {
                let filled = ids.reduce(sql) { $0.replacing($1.0, with: "\($1.1)") }
                let error = try await refusal(filled, database)
                #expect(error?.sqlState == "42501" && error?.constraint == "prices_immutable", "\(filled)")
            }
            #expect(try await database.rows("select p::text from prices p order by id") == before)
            let late = try await refusal(
                "update prices set withdrawn_at = effective_from where id = \(ids[2].1)", database)
            #expect(late?.constraint == "prices_withdrawn_before_in_force")
        }

        @Test func noTwoVersionsTakeOverAtOneMoment() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let date = "date_trunc('day', now()) + interval '3 days'"
            for tier in [nil, "large"] {
                let first = try await database.setPrice(tier: tier, micro: 1, from: date)
                let error = await #expect(throws: PostgresError.self) {
                    try await database.setPrice(tier: tier, micro: 2, from: date)
                }
                #expect(error?.constraint == "prices_in_force")
                try await database.rows("update prices set withdrawn_at = now() where id = \(first)")
                try await database.setPrice(tier: tier, micro: 2, from: date)
            }
        }

        static let forbidden = [
            "update wallets set available = available + 1, granted = granted + 1",
            "insert into entries (period, wallet_id, kind, debit, credit, amount) values "
                + "(credit_month(now()), 1, 'grant', 'granted', 'available', 1)",
            "update entries set amount = 0", "delete from entries", "truncate entries",
            "update tasks set state = 'pending'", "delete from queue", "delete from leases", "delete from idempotency",
            "insert into usage_facts select * from usage_facts", "delete from audit_log",
            "update audit_log set actor = 'x'",
            "update prices set amount = 0", "update prices set withdrawn_at = now()", "delete from prices",
            "insert into prices (group_id, model_id, operation, rule, amount) values (1, 1, 'generate', 'per_call', 0)",
            "alter table prices disable trigger all", "update auth_epoch set epoch = 0",
            "update api_keys set hash = '$argon2id$x'", "update api_keys set wallet_id = 1",
            "drop table tasks", "create table mine (n int)", "alter table entries disable trigger all",
            "update installation set secret_fingerprint = 'x'",
        ]

        @Test func theServiceMayNotDoItAtAll() async throws {
            let (database, _, _) = try await closed()
            for sql in Self.forbidden {
                let service = try await Connection.open(database.address)
                let error = await #expect(throws: PostgresError.self) { try await service.runText(sql) }
                #expect(error?.sqlState == "42501")
            }
        }
    }
}
