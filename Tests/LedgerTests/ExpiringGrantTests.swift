import Admission
import Domain
import Foundation
import Ledger
import Postgres
import Queue
import TestSupport
import Testing

/// Shared by the suites about credits.
struct CreditFixture {
    let database: TestDatabase
    let acme: Tenant
    private let queue = TaskQueue(leaseSeconds: 60)

    init(credits: String = "0") async throws {
        database = try await TestDatabase.fresh(connectionsMax: 1)
        acme = try await Tenant.make(database, credits: credits)
    }

    /// Grants until so many hours from now.
    @discardableResult
    func grant(_ micro: Int64, hours: Double) async throws -> Int64? {
        try await database.pool.transaction {
            try await CreditBook().grant(
                Credits(micro: micro), account: "acme", mode: .live, expires: Date(timeIntervalSinceNow: hours * 3600),
                reason: "test", actor: "test", in: $0)
        }
    }

    func adjust(_ micro: Int64) async throws {
        _ = try await database.pool.transaction {
            try await CreditBook().adjust(
                Credits(micro: micro), account: "acme", mode: .live, reason: "test", actor: "test", in: $0)
        }
    }

    /// Lets the dates of the next grants pass: all that lie within so many hours.
    func pass(hours: Double) async throws {
        try await database.rows(
            """
            update expiring_grants set expires_at = expires_at - make_interval(secs => \(hours * 3600));
            update wallets set next_expiry = next_expiry - make_interval(secs => \(hours * 3600))
            """)
    }

    /// Amount, remaining, reserved, used and expired of each grant by date.
    func grants() async throws -> [[Int64]] {
        try await database.rows(
            "select amount, remaining, reserved, used, expired from expiring_grants order by expires_at, id"
        ).map { row in row.map { Int64($0 ?? "") ?? -1 } }
    }

    /// Available, reserved, settled and expired, as people see them.
    func balance() async throws -> [Int64] {
        let balance = try await CreditBook().balance(account: "acme", mode: .live, in: database.pool)
        return [balance?.available, balance?.reserved, balance?.settled, balance?.expired].map { $0?.micro ?? -1 }
    }

    func claim() async throws -> Lease {
        try await queue.claim(node: "n", limit: 1, afterWallet: 0, in: database.pool)[0].lease
    }

    func close(_ lease: Lease, _ outcome: Ending.Outcome, units: Int = 0) async throws {
        let ending = Ending(lease: lease, outcome: outcome, units: units, provider: nil)
        #expect(try await queue.close([ending], in: database.pool) == [lease: .closed])
    }

    func cancel(_ id: TaskID) async throws {
        #expect(try await queue.cancel([id], walletID: nil, alsoRunning: true, in: database.pool) == [id: .cancelled])
    }
}

extension LedgerSuites {
    @Suite struct ExpiringGrantTests {
        private static let failed = Ending.Outcome.failed(code: "x", message: "x")

        @Test func theNearestDateIsSpentFirstAndCreditsWithoutADateLast() async throws {
            let fixture = try await CreditFixture(credits: "0.1")
            try await fixture.grant(30_000, hours: 2)
            try await fixture.grant(20_000, hours: 1)
            try await fixture.database.admitted((0..<3).map { _ in fixture.acme.submission() })
            // 78,000 asked: 20,000 of the first date, 30,000 of the second, 28,000 without one.
            #expect(try await fixture.grants() == [[20_000, 0, 20_000, 0, 0], [30_000, 0, 30_000, 0, 0]])
            try await fixture.close(try await fixture.claim(), .completed(images: []))
            #expect(try await fixture.grants() == [[20_000, 0, 0, 20_000, 0], [30_000, 0, 24_000, 6_000, 0]])
            #expect(try await ledgerDrift(fixture.database).isEmpty)
        }

        @Test func whatIsLeftExpiresOnItsDateByOneEntryAndNotBefore() async throws {
            let fixture = try await CreditFixture(credits: "0.05")
            try await fixture.grant(30_000, hours: 1)
            #expect(try await CreditBook().expireDue(in: fixture.database.pool) == 0)
            #expect(try await fixture.balance() == [80_000, 0, 0, 0])
            try await fixture.pass(hours: 2)
            #expect(try await fixture.balance() == [50_000, 0, 0, 30_000], "also before the sweep")
            #expect(try await CreditBook().expireDue(in: fixture.database.pool) == 1)
            #expect(try await CreditBook().expireDue(in: fixture.database.pool) == 0)
            #expect(try await fixture.balance() == [50_000, 0, 0, 30_000])
            let newest = try await CreditBook().history(
                walletID: fixture.acme.walletID, before: nil, in: fixture.database.pool)[0]
            #expect([newest.kind, newest.debit, newest.credit] == ["expire", "available", "expired"])
            #expect(newest.amount.micro == 30_000 && newest.grantID == 1)
            #expect(try await ledgerDrift(fixture.database).isEmpty)
        }

        @Test func nothingExpiresUnderATask() async throws {
            let fixture = try await CreditFixture()
            try await fixture.grant(30_000, hours: 1)
            try await fixture.database.admitted([fixture.acme.submission()])
            try await fixture.pass(hours: 2)
            #expect(try await CreditBook().expireDue(in: fixture.database.pool) == 1)
            #expect(try await fixture.balance() == [0, 26_000, 0, 4_000])
            try await fixture.close(try await fixture.claim(), .completed(images: []))
            #expect(try await fixture.balance() == [0, 0, 26_000, 4_000])
            #expect(try await ledgerDrift(fixture.database).isEmpty)
        }

        @Test(arguments: ["failed", "cancelled"])
        func whatComesBackAfterTheDateExpiresAtOnce(ending: String) async throws {
            let fixture = try await CreditFixture(credits: "0.01")
            try await fixture.grant(30_000, hours: 1)
            let id = try await fixture.database.admitted([fixture.acme.submission()])[0]
            let lease = try await fixture.claim()
            try await fixture.pass(hours: 2)
            if ending == "failed" { try await fixture.close(lease, Self.failed) } else { try await fixture.cancel(id) }
            #expect(try await fixture.grants() == [[30_000, 0, 0, 0, 30_000]])
            #expect(try await fixture.balance() == [10_000, 0, 0, 30_000])
            #expect(try await ledgerDrift(fixture.database).isEmpty)
        }

        @Test func whatComesBackBeforeTheDateCanBeSpentAgain() async throws {
            let fixture = try await CreditFixture()
            try await fixture.grant(30_000, hours: 1)
            try await fixture.database.admitted([fixture.acme.submission()])
            try await fixture.close(try await fixture.claim(), Self.failed)
            #expect(try await fixture.grants() == [[30_000, 30_000, 0, 0, 0]])
            #expect(try await fixture.database.admit([fixture.acme.submission()]).map(\.word) == ["accepted"])
        }

        /// The sweeper may be late; admission is not.
        @Test func expiredCreditsCannotBeSpentEvenWhenNobodySweeps() async throws {
            let fixture = try await CreditFixture(credits: "0.03")
            try await fixture.grant(30_000, hours: 1)
            try await fixture.pass(hours: 2)
            let words = try await fixture.database.admit([fixture.acme.submission(), fixture.acme.submission()]).map(\.word)
            #expect(words == ["accepted", "credits_insufficient"])
            #expect(try await fixture.balance() == [4_000, 26_000, 0, 30_000])
            #expect(try await ledgerDrift(fixture.database).isEmpty)
        }

        @Test func aPartUsedTaskUsesTheNearestDatesAndReturnsTheRest() async throws {
            let fixture = try await CreditFixture(credits: "0.1")
            try await fixture.database.setPrice(tier: "large", rule: .perSecond, micro: 2_000, unitsMax: 20)
            try await fixture.grant(10_000, hours: 1)
            try await fixture.grant(10_000, hours: 2)
            try await fixture.database.admitted([fixture.acme.submission().changed(side: 1536)])
            // 40,000 reserved: 10,000 + 10,000 + 20,000 without a date; 7 seconds cost 14,000.
            try await fixture.close(try await fixture.claim(), .completed(images: []), units: 7)
            #expect(try await fixture.grants() == [[10_000, 0, 0, 10_000, 0], [10_000, 6_000, 0, 4_000, 0]])
            #expect(try await fixture.balance() == [106_000, 0, 14_000, 0])
            #expect(try await ledgerDrift(fixture.database).isEmpty)
        }

        @Test func aCorrectionTakesTheNearestDatesAndNeverMoreThanThereIs() async throws {
            let fixture = try await CreditFixture(credits: "0.1")
            try await fixture.grant(10_000, hours: 1)
            try await fixture.grant(10_000, hours: 2)
            try await fixture.adjust(-15_000)
            #expect(try await fixture.grants() == [[10_000, 0, 0, 10_000, 0], [10_000, 5_000, 0, 5_000, 0]])
            let before = try await fixture.database.moneyState()
            let error = await #expect(throws: PostgresError.self) { try await fixture.adjust(-105_001) }
            #expect(error?.constraint == CreditBook.availableNotNegative)
            #expect(try await fixture.database.moneyState() == before)
            try await fixture.adjust(-105_000)
            try await fixture.adjust(7)
            #expect(try await fixture.balance() == [7, 0, 0, 0])
            for micro in [0, Int64.max, Int64.min] {
                await #expect(throws: PostgresError.self) { try await fixture.adjust(micro) }
            }
            #expect(try await ledgerDrift(fixture.database).isEmpty)
        }

        @Test func aGrantThatHasExpiredAlreadyIsRefused() async throws {
            let fixture = try await CreditFixture()
            let before = try await fixture.database.moneyState()
            let error = await #expect(throws: PostgresError.self) { try await fixture.grant(1, hours: -0.001) }
            #expect(error?.sqlState == "22008")
            #expect(try await fixture.database.moneyState() == before)
        }

        /// Rule 11, at the owner's rights.
        static let untruths = [
            ("update expiring_grants set remaining = remaining - 1, expired = 1", "expiring_grants_never_early"),
            (
                "update expiring_grants set remaining = remaining - 1, expired = 1, expired_at = expires_at - interval '1 us'",
                "expiring_grants_never_early"
            ),
            ("update expiring_grants set remaining = remaining + 1", "expiring_grants_conserve_credits"),
            ("update expiring_grants set remaining = -1, used = amount + 1", "expiring_grants_remaining_check"),
            ("update wallets set expiring = available + 1", "wallets_expiring_within_available"),
            ("update wallets set next_expiry = null where expiring > 0", "wallets_next_expiry_iff_expiring"),
        ]

        @Test func theDatabaseKeepsTheRulesOfGrantsByItself() async throws {
            let fixture = try await CreditFixture(credits: "0.1")
            try await fixture.grant(10_000, hours: 1)
            for (sql, constraint) in Self.untruths {
                let error = await #expect(throws: PostgresError.self, "\(sql)") { try await fixture.database.rows(sql) }
                #expect(error?.constraint == constraint, "\(sql)")
            }
        }
    }
}
