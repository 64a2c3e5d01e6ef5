import Admission
import Domain
import TestSupport
import Testing

extension AdmissionSuites {
    @Suite struct BatchTests {
        @Test func aBatchOfNoneIsAnswered() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            #expect(try await database.admit([]).isEmpty)
        }

        @Test func aRefusedLargeRequestLeavesItsShareToTheSmallOnesBehindIt() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.setPrice(tier: "standard", micro: 100_000)
            try await database.setPrice(tier: "large", micro: 500_000)
            let acme = try await Tenant.make(database, credits: "0.35")
            let beta = try await Tenant.make(database, name: "beta", credits: "0.6")
            let batch = [
                acme.submission().changed(side: 1536),
                acme.submission(),
                beta.submission().changed(side: 1536),
                acme.submission().changed(keyID: 999_999),
                acme.submission(model: "no-such-model"),
                acme.submission(),
                beta.submission().changed(side: 1536),
                acme.submission(),
                acme.submission(),
                beta.submission(),
            ]
            let words = try await database.admit(batch).map(\.word)
            #expect(
                words == [
                    "credits_insufficient", "accepted", "accepted", "key_unknown", "model_unknown", "accepted",
                    "credits_insufficient", "accepted", "credits_insufficient", "accepted",
                ])
            let (acmeHas, betaHas) = (try await acme.balance(database), try await beta.balance(database))
            #expect(acmeHas == (50_000, 300_000, 0))
            #expect(betaHas == (0, 600_000, 0))
            #expect(try await database.number("select count(*) from queue") == 5)
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func twoKeysOfOneAccountPayFromOneWallet() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let first = try await Tenant.make(database, credits: "0.052")
            let second = try await Tenant.make(database)
            #expect(first.walletID == second.walletID && first.keyID != second.keyID)
            let words = try await database.admit(
                [second.submission(), first.submission(), second.submission()]
            ).map(\.word)
            #expect(words == ["accepted", "accepted", "credits_insufficient"])
        }

        @Test func aTestKeyNeverTouchesLiveCredits() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let live = try await Tenant.make(database, credits: "0.026")
            let test = try await Tenant.make(database, mode: .test)
            try await database.admitted([test.submission(), test.submission()])
            #expect(try await live.balance(database) == (26_000, 0, 0))
            #expect(try await test.balance(database) == (1_000_000_000 - 52_000, 52_000, 0))
        }

        /// Rule 2: nobody overspends, whatever the concurrency.
        @Test func ofAThousandConcurrentRequestsExactlyThoseWithCreditAreAccepted() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 4)
            let acme = try await Tenant.make(database, credits: "3.567")
            let affordable = 137  // 3.567 / 0.026 = 137.2
            let numbers = TaskNumbers()
            let sizes = [1, 7, 32, 64]
            let accepted = try await withThrowingTaskGroup(of: [TaskID].self) { group in
                for size in sizes {
                    group.addTask {
                        var mine: [TaskID] = []
                        var left = 1000 / sizes.count
                        while left > 0 {
                            let count = min(size, left)
                            left -= count
                            let ids = try await numbers.take(count, in: database.pool)
                            let verdicts = try await database.admit(
                                (0..<count).map { _ in acme.submission() }, ids: ids)
                            mine += verdicts.compactMap(\.taskID)
                        }
                        return mine
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(accepted.count == affordable)
            #expect(Set(accepted).count == affordable)
            #expect(try await database.number("select count(*) from tasks") == Int64(affordable))
            #expect(try await acme.balance(database) == (5_000, 3_562_000, 0))
            #expect(try await ledgerDrift(database).isEmpty)
        }
    }
}
