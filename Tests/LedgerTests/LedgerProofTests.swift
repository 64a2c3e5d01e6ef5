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
        /// the wallet, `<A>` the account, `<G>` its grant with a date, `<K>` its code, `<Q>` its cap, and `<P>`, `<R>` and
        /// `<C>` the pending, the running and the completed task.
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
                found: [
                    "reserved_equals_live_tasks: wallet <W>", "tasks_have_their_entries: task <P>",
                    "quotas_equal_tasks: cap <Q> of account <A>", "tasks_equal_prices: task <P>",
                ]),
            Tampering(
                sql: "update tasks set settled = settled - 5 where id = <C>",
                found: [
                    "tasks_have_their_entries: task <C>", "quotas_equal_tasks: cap <Q> of account <A>",
                    "tasks_equal_prices: task <C>",
                ]),
            Tampering(
                sql: "update tasks set price_id = (select id from prices where operation = 'edit') where id = <C>",
                found: ["tasks_equal_prices: task <C>"]),
            Tampering(sql: "update tasks set price_id = 424242 where id = <R>", found: ["tasks_equal_prices: task <R>"]),
            Tampering(sql: "update tasks set pictures = 2 where id = <C>", found: ["tasks_equal_prices: task <C>"]),
            Tampering(
                sql: "update tasks set request = request || '{\"n\": 2}' where id = <R>", found: ["tasks_equal_prices: task <R>"]),
            Tampering(
                sql: "update tasks set created_at = '1999-01-01' where id = <P>",
                found: ["tasks_equal_prices: task <P>", "quotas_equal_tasks: cap <Q> of account <A>"]),
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
                found: ["entries_have_their_tasks: task <C>", "quotas_equal_tasks: cap <Q> of account <A>"]),
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
            Tampering(
                sql: "update attempts set cost = 7, currency = 'USD' where task_id = <C>", found: ["costs_equal_bills: account <A>"]),
            Tampering(
                sql: """
                    insert into usage_facts (at, mode, group_id, model_id, account_id, key_id, provider, cost, possible, currency)
                    values (now(), 'live', 1, 1, <A>, 1, 'far', 5, 5, 'USD')
                    """,
                found: ["costs_equal_bills: account <A>"]),
            Tampering(sql: "update usage_days set possible = possible + 1 where settled > 0", found: [groupRollup]),
            Tampering(sql: "update usage_days set at = at - interval '1 day'", found: [groupRollup]),
            Tampering(
                sql: """
                    insert into usage_facts (id, at, event, mode, group_id, model_id, account_id, key_id)
                    select folded_to, now(), 'failed', 'live', 1, 1, <A>, 1 from usage_fold
                    """,
                found: [accountRollup, groupRollup]),
        ] + aroundTasks

        static let aroundTasks = [
            Tampering(
                sql: "update expiring_grants set amount = amount + 5, used = used + 5 where id = <G>",
                found: ["grants_equal_entries: grant <G>"]),
            Tampering(
                sql: "update wallets set next_expiry = next_expiry + interval '1 second' where id = <W>",
                found: ["grants_equal_wallets: wallet <W>"]),
            Tampering(
                sql: "update wallets set expiring = expiring - 1 where id = <W>",
                found: ["grants_equal_wallets: wallet <W>"]),
            Tampering(
                sql: "update draws set amount = amount - 1 where task_id = <P>",
                found: ["draws_equal_tasks: grant <G>"]),
            Tampering(
                sql: "insert into draws (task_id, grant_id, amount) values (<C>, <G>, 1)",
                found: ["draws_equal_tasks: task <C>"]),
            Tampering(
                sql: """
                    set session_replication_role = replica;
                    update redemption_codes set amount = amount + 1 where id = <K>;
                    set session_replication_role = origin
                    """,
                found: ["codes_equal_entries: code <K>"]),
            Tampering(
                sql: "update quotas set day_used = day_used + 1 where id = <Q>",
                found: ["quotas_equal_tasks: cap <Q> of account <A>"]),
            Tampering(
                sql: "update quotas set month_used = 0 where id = <Q>",
                found: ["quotas_equal_tasks: cap <Q> of account <A>"]),
            Tampering(
                sql: "\(limit); update limit_counters set pending = pending + 1", found: ["limits_equal_tasks: limit 1 of wallet <W>"]),
            Tampering(sql: "\(limit); update limit_counters set running = 0", found: ["limits_equal_tasks: limit 1 of wallet <W>"]),
            Tampering(
                sql: "\(limit); update queue set key_id = null where task_id = <P>", found: ["limits_equal_tasks: wallet <W>"]),
            Tampering(
                sql: "\(limit); update wallets set limited = false where id = <W>", found: ["limits_equal_tasks: wallet <W>"]),
            Tampering(
                sql: "update idempotency set task_id = 424242 where wallet_id = <W>",
                found: ["keys_have_their_tasks: wallet <W>"]),
            Tampering(
                sql: "delete from callbacks where task_id = <C>", found: ["callbacks_equal_tasks: task <C>"]),
            Tampering(
                sql: "insert into callbacks (task_id, account_id, url) values (<P>, <A>, 'https://example.com/')",
                found: ["callbacks_equal_tasks: task <P>"]),
        ]
        private static let limit = "select set_limit('account', <A>, null, 5, null, 9, 9)"
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
                    ("<C>", tasks.completed), ("<G>", 1), ("<K>", 1), ("<Q>", 1),
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
            // The tenant comes first, so that its grant, code and cap have the number 1.
            for one in [tenant, other] {
                try await database.rows(
                    """
                    select grant_credits(\(one.walletID), 100000, clock_timestamp() + interval '1 hour', 'test', 'test');
                    insert into redemption_codes (digest, hint, amount, reason, actor)
                    values (sha256('\(one.name)'), 'X', 5000, 'test', 'test');
                    select * from redeem_code(sha256('\(one.name)'), \(one.walletID), 'test');
                    select set_quota('account', \(one.accountID), 500000, 500000, 'UTC')
                    """)
            }
            let ids = try await database.admitted(
                [tenant, other, tenant, other].map { $0.submission(callbackURL: "https://example.com/") })
            let leases = try await queue.claim(node: "node", limit: 4, afterWallet: 0, in: database.pool).map(\.lease)
            _ = try await queue.close(
                leases.prefix(2).map {
                    Ending(lease: $0, outcome: .completed(images: []), units: 0, provider: "sandbox")
                }, in: database.pool)
            try await database.foldUsage()
            let last = try await database.admitted(
                [tenant, other].map { $0.submission(idempotencyKey: "k", callbackURL: "https://example.com/") })[0]
            return (last.value, ids[2].value, ids[0].value)
        }
    }
}
