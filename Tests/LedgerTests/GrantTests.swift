import Domain
import Ledger
import Postgres
import TestSupport
import Testing

extension LedgerSuites {
    @Suite struct GrantTests {
        private let book = CreditBook()

        private func grant(_ micro: Int64, account: String = "acme", in database: TestDatabase) async throws -> Int64? {
            try await database.pool.transaction { transaction in
                try await CreditBook().grant(
                    Credits(micro: micro), account: account, mode: .live, reason: "a reason", actor: "somebody",
                    in: transaction)
            }
        }

        @Test func aGrantIsAvailableAndIsALineOfTheLedger() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "1.5")
            let entry = try await grant(250_000, in: database)
            #expect(
                try await book.balance(account: "acme", mode: .live, in: database.pool)
                    == balance(available: 1_750_000, granted: 1_750_000))
            let newest = try #require(try await book.history(
                walletID: acme.walletID, before: nil, in: database.pool).first)
            #expect(newest.id == entry)
            #expect([newest.kind, newest.debit, newest.credit] == ["grant", "granted", "available"])
            #expect(newest.amount == Credits(micro: 250_000))
            #expect([newest.reason, newest.actor] == ["a reason", "somebody"])
            #expect(newest.taskID == nil)
            let older = try await book.history(walletID: acme.walletID, before: entry, in: database.pool)
            #expect(older.map(\.amount) == [Credits(micro: 1_500_000)])
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func theDatabaseRefusesABadAmount() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            _ = try await Tenant.make(database)
            let before = try await database.moneyState()
            for micro in [0, -1, 1_000_000_000_000_001, Int64.max, Int64.min] {
                let error = await #expect(throws: PostgresError.self) { try await grant(micro, in: database) }
                #expect(error?.sqlState == "22003", "\(micro)")
            }
            #expect(try await database.moneyState() == before)
        }

        @Test func theLargestAmountIsGranted() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "0")
            #expect(try await grant(Credits.max.micro, in: database) != nil)
            #expect(try await acme.balance(database).available == Credits.max.micro)
        }

        @Test func anUnknownAccountGetsNothing() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            #expect(try await grant(1, account: "nobody", in: database) == nil)
            #expect(try await book.balance(account: "nobody", mode: .live, in: database.pool) == nil)
        }

        @Test func grantsThatRaceAllCount() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 4)
            let acme = try await Tenant.make(database, credits: "0")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for amount in 1...40 {
                    group.addTask { _ = try await grant(Int64(amount), in: database) }
                }
                try await group.waitForAll()
            }
            #expect(try await acme.balance(database).available == 820)
            #expect(try await ledgerDrift(database).isEmpty)
        }

        private func balance(available: Int64, granted: Int64) -> BalanceNumbers {
            BalanceNumbers(available: available, reserved: 0, granted: granted, settled: 0, expired: 0)
        }
    }
}

/// A balance as numbers, to compare with.
private struct BalanceNumbers: Equatable {
    let available, reserved, granted, settled, expired: Int64

    static func == (left: Balance?, right: BalanceNumbers) -> Bool {
        left.map {
            BalanceNumbers(
                available: $0.available.micro, reserved: $0.reserved.micro, granted: $0.granted.micro,
                settled: $0.settled.micro, expired: $0.expired.micro) == right
        } ?? false
    }
}
