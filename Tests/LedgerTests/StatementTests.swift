import Admission
import Domain
import Foundation
import Postgres
import Queue
import TestSupport
import Testing

@testable import Ledger

extension LedgerSuites {
    @Suite struct StatementTests {
        private func statement(
            _ month: StatementMonth, _ database: TestDatabase, account: String = "acme", mode: AccountMode = .live
        ) async throws -> MonthlyStatement? {
            try await database.pool.transaction(.readOnlySnapshot) { transaction in
                try await StatementBook().statement(account: account, mode: mode, month: month, in: transaction)
            }
        }

        private func thisMonth(_ database: TestDatabase, plus months: Int = 0) async throws -> StatementMonth {
            let text = try await database.rows(
                "select to_char(now() at time zone 'UTC' + interval '\(months) month', 'YYYY-MM')")[0][0]
            return try #require(StatementMonth(text ?? ""))
        }

        private func balance(_ available: Int64, _ reserved: Int64) -> StatementBalance {
            StatementBalance(available: Credits(micro: available), reserved: Credits(micro: reserved))
        }

        @Test func aMonthOfJobsAddsUp() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.setPrice(model: "z-image-turbo", tier: "large", rule: .perSecond, micro: 2_000, unitsMax: 20)
            let acme = try await Tenant.make(database)
            _ = try await Tenant.make(database, name: "other", credits: "77")
            let queue = TaskQueue(leaseSeconds: 60)
            try await database.admitted([acme.submission(), acme.submission(), acme.submission().changed(side: 1536)])
            let leases = try await queue.claim(node: "node", limit: 3, afterWallet: 0, in: database.pool).map(\.lease)
            _ = try await queue.close(
                [
                    Ending(lease: leases[0], outcome: .completed(images: []), units: 0, provider: "sandbox"),
                    Ending(
                        lease: leases[1], outcome: .failed(code: "service_error", message: "no"), units: 0, provider: "sandbox"
                    ),
                    Ending(lease: leases[2], outcome: .completed(images: []), units: 3, provider: "sandbox"),
                ], in: database.pool)
            try await database.admitted([acme.submission()])

            let month = try await thisMonth(database)
            let found = try #require(try await statement(month, database))
            #expect(found.opening == .zero)
            #expect(
                found.movements == [
                    StatementMovement(kind: "grant", count: 1, change: balance(1_000_000, 0)),
                    StatementMovement(kind: "reserve", count: 4, change: balance(-118_000, 118_000)),
                    StatementMovement(kind: "settle", count: 2, change: balance(0, -32_000)),
                    StatementMovement(kind: "remainder", count: 1, change: balance(34_000, -34_000)),
                    StatementMovement(kind: "refund", count: 1, change: balance(26_000, -26_000)),
                ])
            #expect(found.uses.map(\.model) == ["z-image-turbo"] && found.uses.map(\.count) == [2])
            #expect(found.uses.map(\.settled) == [Credits(micro: 32_000)])
            #expect(found.closing == balance(942_000, 26_000) && found.closing.total == Credits(micro: 968_000))
            #expect(!found.isFinal && found.group == "default")
            let next = try #require(try await statement(try await thisMonth(database, plus: 1), database))
            #expect(next.opening == found.closing && next.movements.isEmpty && next.closing == found.closing)
            let last = try #require(try await statement(try await thisMonth(database, plus: -1), database))
            #expect(last.isFinal && last.closing == .zero)
            let test = try #require(try await statement(month, database, mode: .test))
            #expect(test.closing == balance(1_000_000_000, 0) && test.movements.map(\.kind) == ["grant"])
            #expect(try await statement(month, database, account: "nobody") == nil)
        }

        @Test func randomHistoriesAddUpInEveryMonth() async throws {
            let seed = TestSeed.value
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.rows("insert into models (name) values ('other')")
            let histories = try await [
                StatementHistory.make(database, account: "acme", seed: seed),
                StatementHistory.make(database, account: "other", seed: seed &+ 1),
            ]
            #expect(try await database.number("select count(*) from entries where task_id is not null") > 400, "seed \(seed)")
            for history in histories {
                for (index, month) in history.months.enumerated() {
                    let found = try #require(try await statement(month, database, account: history.account))
                    let expected = history.expected[index]
                    #expect(found.opening == expected.opening && found.closing == expected.closing, "seed \(seed) \(month)")
                    let sum = found.movements.reduce(found.opening) { $0 + $1.change }
                    #expect(sum == found.closing, "seed \(seed) \(month)")
                    #expect(Dictionary(uniqueKeysWithValues: found.movements.map { ($0.kind, $0.count) }) == expected.counts)
                    #expect(
                        Dictionary(uniqueKeysWithValues: found.uses.map { ("\($0.day) \($0.model)", $0.settled.micro) })
                            == expected.uses, "seed \(seed) \(month)")
                    #expect(found.uses.reduce(0) { $0 + $1.count } == expected.counts["settle"] ?? 0)
                }
            }
        }

        @Test(arguments: [
            "update wallets set available = available + 1, granted = granted + 1 where id = <W>",
            "update wallets set reserved = reserved + 1, granted = granted + 1 where id = <W>",
            """
            set session_replication_role = replica;
            delete from entries where wallet_id = <W> and kind = 'grant';
            set session_replication_role = origin
            """,
        ])
        func entriesThatDoNotAddUpToTheBalanceGiveNoStatement(tampering: String) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            _ = try await Tenant.make(database, name: "other")
            try await database.rows(tampering.replacing("<W>", with: "\(acme.walletID)"))
            let month = try await thisMonth(database)
            for month in [month, try await thisMonth(database, plus: -1), try await thisMonth(database, plus: 1)] {
                let error = await #expect(throws: StatementMismatch.self) { _ = try await statement(month, database) }
                #expect(error?.description.contains("run `zadmin reconcile ledger`") == true)
            }
            #expect(try await statement(month, database, account: "other") != nil, "others are not concerned")
        }

        /// However few accounts there are, entries are reached by the wallet's own index, in every partition.
        @Test func otherAccountsHistoryIsNotRead() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            // Nearly all entries are this wallet's, so that reading everything would be cheapest.
            try await database.rows(
                """
                insert into entries (period, wallet_id, kind, debit, credit, amount, reason, actor)
                select credit_month(now()), \(acme.walletID), 'grant', 'granted', 'available', 0, 'test', 'test'
                from generate_series(1, 5000);
                analyze entries
                """)
            let service = try await Connection.open(database.address)
            func plan() async throws -> [String] {
                _ = try await service.runText("prepare sums as \(StatementBook.sums.sql)")
                let rows = try await service.runText("explain execute sums(\(acme.walletID), '2026-11-01', '2026-12-01')")
                _ = try await service.runText("deallocate sums")
                return rows.compactMap { $0.first ?? nil }
            }
            #expect(try await plan().contains { $0.contains("Seq Scan on entries") }, "otherwise this test shows nothing")
            _ = try await service.runText("begin; \(StatementBook.ownHistoryOnly.sql)")
            let lines = try await plan()
            #expect(!lines.contains { $0.contains("Seq Scan on entries") })
            let partitions = try await database.number(
                "select count(*) from pg_inherits where inhparent = 'entries'::regclass")
            #expect(lines.count { $0.contains("wallet_id = ") && $0.contains("Index Cond") } == Int(partitions), "\(lines)")
        }

        @Test func aMonthIsReadStrictly() throws {
            let month = try #require(StatementMonth("2026-11"))
            #expect(
                month.from == Date(timeIntervalSince1970: 1_793_491_200)
                    && month.to == Date(timeIntervalSince1970: 1_796_083_200))
            #expect(month.title == "November 2026" && "\(month)" == "2026-11")
            #expect(StatementMonth("2026-12")?.to == StatementMonth("2027-01")?.from)
            for text in [
                "", "2026", "2026-13", "2026-00", "2026-1", "26-11", "1999-12", "2026-11-01", "2026/11", " 2026-11",
                "November",
            ] {
                #expect(StatementMonth(text) == nil, "\(text)")
            }
        }

        /// A kind of entry that is added later is a movement like any other.
        @Test func kindsThatAreNotKnownAreMovements() throws {
            let owner = StatementOwner(
                walletID: 1, account: "acme", group: "default", mode: .live, balance: balance(7, 0), at: Date())
            func sum(_ phase: EntrySum.Phase, _ kind: String, _ debit: String, _ credit: String, _ amount: Int64) -> EntrySum {
                EntrySum(
                    phase: phase, kind: kind, debit: debit, credit: credit, day: nil, model: nil, count: 1, amount: amount)
            }
            let month = try #require(StatementMonth("2026-11"))
            let sums = [
                sum(.before, "grant", "granted", "available", 10), sum(.during, "expire", "available", "expired", 4),
                sum(.during, "redeem_code", "granted", "available", 3), sum(.during, "adjust", "available", "granted", 3),
                sum(.during, "adjust", "granted", "available", 2), sum(.after, "adjust", "available", "granted", 1),
            ]
            let statement = try MonthlyStatement(owner, month: month, sums: sums)
            #expect(
                statement.movements == [
                    StatementMovement(kind: "adjust", count: 2, change: balance(-1, 0)),
                    StatementMovement(kind: "redeem_code", count: 1, change: balance(3, 0)),
                    StatementMovement(kind: "expire", count: 1, change: balance(-4, 0)),
                ])
            #expect(statement.opening == balance(10, 0) && statement.closing == balance(8, 0))
            #expect(throws: StatementMismatch.self) { try MonthlyStatement(owner, month: month, sums: Array(sums.dropLast())) }
        }
    }
}
