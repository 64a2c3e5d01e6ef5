import Admission
import Domain
import Ledger
import Postgres
import Queue
import TestSupport
import Testing

extension LedgerSuites {
    @Suite struct LedgerProofTests {
        /// Something that the owner could do, and what the proof then says: checks with their subjects, where `<W>` is
        /// the wallet, `<A>` the account, and `<P>`, `<R>` and `<C>` the pending, the running and the completed task.
        struct Tampering: Sendable, CustomTestStringConvertible {
            let sql: String
            let found: Set<String>
            var testDescription: String { sql }
        }

        static let tamperings = [
            Tampering(
                sql: "update wallets set available = available + 5, granted = granted + 5 where id = <W>",
                found: ["wallets_equal_entries: wallet <W>"]),
            Tampering(
                sql: "update wallets set available = available - 5, settled = settled + 5 where id = <W>",
                found: ["wallets_equal_entries: wallet <W>"]),
            Tampering(
                sql: "update tasks set reserved = reserved + 5 where id = <P>",
                found: ["reserved_equals_live_tasks: wallet <W>", "tasks_have_their_entries: task <P>"]),
            Tampering(
                sql: "update tasks set settled = settled - 5 where id = <C>",
                found: ["tasks_have_their_entries: task <C>"]),
            Tampering(
                sql: """
                    set session_replication_role = replica;
                    delete from entries where task_id = <C> and kind = 'settle';
                    set session_replication_role = origin
                    """,
                found: [
                    "wallets_equal_entries: wallet <W>", "tasks_have_their_entries: task <C>",
                    "usage_equals_entries: account <A> (live)",
                ]),
            Tampering(
                sql: """
                    insert into entries (period, wallet_id, kind, debit, credit, amount, task_id)
                    select period, wallet_id, 'refund', 'reserved', 'available', 0, id from tasks where id = <R>
                    """,
                found: ["tasks_have_their_entries: task <R>"]),
            Tampering(
                sql: """
                    insert into entries (period, wallet_id, kind, debit, credit, amount, task_id)
                    values (credit_month(now()), <W>, 'remainder', 'reserved', 'available', 0, 424242)
                    """,
                found: ["entries_have_their_tasks: task 424242"]),
            Tampering(
                sql: """
                    update tasks set wallet_id = (select id from wallets where account_id = <A> and id <> <W>)
                    where id = <C>
                    """,
                found: ["entries_have_their_tasks: task <C>"]),
            Tampering(sql: "delete from queue where task_id = <P>", found: ["queue_equals_tasks: task <P>"]),
            Tampering(sql: "delete from leases where task_id = <R>", found: ["queue_equals_tasks: task <R>"]),
            Tampering(
                sql: "insert into queue (wallet_id, task_id) values (<W>, <R>)",
                found: ["queue_equals_tasks: task <R>"]),
            Tampering(
                sql: "insert into queue (wallet_id, task_id) values (<W>, <C>)",
                found: ["queue_equals_tasks: task <C>"]),
            Tampering(
                sql: """
                    insert into leases (task_id, wallet_id, node, attempt, until) values (424242, <W>, 'x', 1, now())
                    """,
                found: ["queue_equals_tasks: task 424242"]),
            Tampering(
                sql: "update wallets set pending = pending + 1 where id = <W>",
                found: ["counters_equal_tasks: wallet <W>"]),
            Tampering(
                sql: "update wallets set running = 0 where id = <W>", found: ["counters_equal_tasks: wallet <W>"]),
            Tampering(
                sql: "update usage_facts set settled = settled + 1 where account_id = <A> and event = 'completed'",
                found: ["usage_equals_entries: account <A> (live)", accountRollup, groupRollup]),
            Tampering(
                sql: "delete from usage_facts where account_id = <A>",
                found: ["usage_equals_entries: account <A> (live)", accountRollup, groupRollup]),
            Tampering(
                sql: "update usage_hours set cost = cost + 1 where account_id = <A> and settled > 0", found: [accountRollup]),
            Tampering(
                sql: "update usage_account_days set provider = 'other' where account_id = <A> and provider <> ''",
                found: [accountRollup]),
            Tampering(sql: "update usage_days set at = at - interval '1 day'", found: [groupRollup]),
            Tampering(
                sql: """
                    insert into usage_facts (id, at, event, mode, group_id, model_id, account_id, key_id)
                    select folded_to, now(), 'failed', 'live', 1, 1, <A>, 1 from usage_fold
                    """,
                found: [accountRollup, groupRollup]),
        ]
        private static let accountRollup = "rollups_equal_usage: account <A> (live)"
        private static let groupRollup = "rollups_equal_usage: group 1 (live)"

        @Test(arguments: tamperings)
        func tamperingIsFoundAndTheRightOneIsNamed(tampering: Tampering) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            // A bystander with the same history, who must not be named.
            let bystander = try await Tenant.make(database, name: "bystander")
            let tasks = try await history(of: acme, beside: bystander, database)
            #expect(try await ledgerDrift(database).isEmpty)

            func filled(_ text: String) -> String {
                [
                    ("<W>", acme.walletID), ("<A>", acme.accountID), ("<P>", tasks.pending), ("<R>", tasks.running),
                    ("<C>", tasks.completed),
                ].reduce(text) { $0.replacing($1.0, with: "\($1.1)") }
            }
            try await database.rows(filled(tampering.sql))
            let found = try await database.pool.transaction(.readOnlySnapshot) { try await LedgerProof().run(in: $0) }
            #expect(Set(found.map { "\($0.check): \($0.subject)" }) == Set(tampering.found.map(filled)))
        }

        @Test func everyCheckHasATamperingThatItFinds() {
            let named = Set(
                Self.tamperings.flatMap(\.found).compactMap { $0.split(separator: ":").first.map(String.init) })
            #expect(named == Set(LedgerProof.checks.map(\.name)))
        }

        /// Gives both a task that waits, one that runs and one that is completed; answers the first one's. The usage of the
        /// waiting ones is not folded.
        private func history(
            of tenant: Tenant, beside other: Tenant, _ database: TestDatabase
        ) async throws -> (pending: Int64, running: Int64, completed: Int64) {
            let queue = TaskQueue(leaseSeconds: 60)
            let ids = try await database.admitted(
                [tenant, other, tenant, other].map { $0.submission() })
            let leases = try await queue.claim(node: "node", limit: 4, afterWallet: 0, in: database.pool).map(\.lease)
            _ = try await queue.close(
                leases.prefix(2).map {
                    Ending(lease: $0, outcome: .completed(images: []), units: 0, provider: "sandbox")
                }, in: database.pool)
            try await database.foldUsage()
            let last = try await database.admitted([tenant.submission(), other.submission()])[0]
            return (last.value, ids[2].value, ids[0].value)
        }
    }
}
