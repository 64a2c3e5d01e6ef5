import Admission
import Domain
import Foundation
import Ledger
import Queue
import TestSupport
import Testing

extension LedgerSuites {
    /// A task of several pictures is paid like as many tasks, and is one task for everything that counts tasks.
    @Suite struct PicturesTests {
        struct Case: Sendable {
            let rule: BillingRule
            let unitsMax: Int
            let pictures: Int
            let reserved: Int64
            let used: [(units: Int, settled: Int64)]
        }

        static let cases = [
            Case(rule: .perCall, unitsMax: 1, pictures: 1, reserved: 500, used: [(0, 500), (9, 500)]),
            Case(rule: .perCall, unitsMax: 1, pictures: 3, reserved: 1_500, used: [(0, 1_500), (1, 1_500), (99, 1_500)]),
            Case(
                rule: .perSecond, unitsMax: 60, pictures: 2, reserved: 60_000,
                used: [(0, 0), (1, 500), (60, 30_000), (61, 30_500), (120, 60_000), (121, 60_000), (-1, 0)]),
            Case(
                rule: .perToken, unitsMax: 1_000, pictures: 4, reserved: 2_000_000,
                used: [(7, 3_500), (3_999, 1_999_500), (4_000, 2_000_000), (2_000_000_000, 2_000_000)]),
        ]

        @Test(arguments: cases)
        func manyPicturesCostAsManyTimesThePrice(_ test: Case) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "100")
            try await database.set(PriceTerms(rule: test.rule, amount: Credits(micro: 500), unitsMax: test.unitsMax))
            // One task per row, one that fails, and two that are withdrawn while they run and while they wait.
            let verdicts = try await database.admit(
                (0..<test.used.count + 3).map { _ in acme.submission().changed(pictures: test.pictures) })
            #expect(try verdicts.map { try $0.outcome.get().reserved.micro } == Array(repeating: test.reserved, count: verdicts.count))
            let all = Int64(verdicts.count) * test.reserved
            #expect(try await acme.balance(database) == (100_000_000 - all, all, 0))
            #expect(try await database.number("select count(*) from tasks where pictures = \(test.pictures)") == Int64(verdicts.count))

            let queue = TaskQueue(leaseSeconds: 600)
            let claimed = try await queue.claim(node: "node", limit: verdicts.count - 1, afterWallet: 0, in: database.pool)
            #expect(claimed.allSatisfy { $0.image.pictures == test.pictures })
            let endings = zip(claimed, test.used).map {
                Ending(lease: $0.lease, outcome: .completed(images: []), units: $1.units, provider: "sandbox")
            }
            let rest = claimed.dropFirst(test.used.count).map(\.lease)
            let failed = Ending(lease: rest[0], outcome: .failed(code: "service_error", message: "no"), units: 99, provider: nil)
            _ = try await queue.close(endings + [failed], in: database.pool)
            let last = verdicts.suffix(2).compactMap(\.taskID)
            _ = try await queue.cancel(last, walletID: nil, alsoRunning: true, in: database.pool)

            let settled = try await database.rows("select settled from tasks order by id").compactMap { $0[0] }
            #expect(settled == test.used.map { "\($0.settled)" } + ["0", "0", "0"])
            let spent = test.used.map(\.settled).reduce(0, +)
            #expect(try await acme.balance(database) == (100_000_000 - spent, 0, spent))
            #expect(try await ledgerDrift(database).isEmpty)
        }

        /// What `zadmin price quote --pictures` says is what admission and closing do.
        @Test(arguments: cases)
        func aQuoteKnowsThePictures(_ test: Case) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.set(PriceTerms(rule: test.rule, amount: Credits(micro: 500), unitsMax: test.unitsMax))
            let requests = test.used.map {
                QuoteRequest(
                    model: "z-image-turbo", operation: .generate, tier: .standard, units: $0.units, pictures: test.pictures)
            }
            let quotes = try await PriceLists().quotes(requests, group: "default", in: database.pool)
            #expect(quotes.map(\.?.settled?.micro) == test.used.map(\.settled))
            #expect(quotes.allSatisfy { $0?.reserved.micro == test.reserved })
        }

        /// Requests of one batch each have their own number, whatever their order.
        @Test func aBatchIsJudgedRequestByRequest() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "0.26")
            let counts = [1, 4, 2, 4, 1, 3]
            let verdicts = try await database.admit(counts.map { acme.submission().changed(pictures: $0) })
            // Credit for ten pictures: the second four do not fit any more, what comes behind them does.
            let poor = "credits_insufficient"
            #expect(verdicts.map(\.word) == ["accepted", "accepted", "accepted", poor, "accepted", poor])
            #expect(try await database.rows("select pictures, reserved from tasks order by id")
                == [["1", "26000"], ["4", "104000"], ["2", "52000"], ["1", "26000"]])
            #expect(try await acme.balance(database) == (52_000, 208_000, 0))
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func creditForOneIsNotEnoughForTwo() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "0.05")
            let before = try await database.moneyState()
            let verdict = try await database.admit([acme.submission().changed(pictures: 2)])[0]
            guard case .failure(.creditsInsufficient(let standing)) = verdict.outcome else {
                throw TestFailure("\(verdict)")
            }
            #expect(standing.needed.micro == 52_000 && standing.available.micro == 50_000)
            #expect(try await database.moneyState() == before)
            #expect(try await database.admit([acme.submission()])[0].word == "accepted")
        }

        @Test func oneKeyHasOneAnswer() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "0.1")
            let keyed = acme.submission(idempotencyKey: "k").changed(pictures: 3)
            let first = try await database.admit([keyed])[0]
            let second = try await database.admit([keyed])[0]
            #expect([first.word, second.word] == ["accepted", "replayed"] && first.taskID == second.taskID)
            #expect(try second.outcome.get().reserved.micro == 78_000)
            let poor = acme.submission(idempotencyKey: "poor").changed(pictures: 4)
            #expect(try await database.admit([poor])[0].word == "credits_insufficient")
            try await database.rows("select grant_credits(\(acme.walletID), 1000000, null, 'test', 'test')")
            #expect(try await database.admit([poor])[0].word == "credits_insufficient", "a refusal stays one")
            // The answer of an accepted one was lost: the same numbers find what was written.
            let ids = try await TaskNumbers().take(1, in: database.pool)
            let lost = acme.submission().changed(pictures: 2)
            for again in [false, true] {
                let verdict = try await database.admit([lost], ids: ids, again: again)[0]
                #expect(try verdict.outcome.get().reserved.micro == 52_000)
            }
            #expect(try await acme.balance(database).reserved == 130_000)
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func capsCountCreditsAndLimitsCountTasks() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.rows("select set_quota('account', \(acme.accountID), 130000, null, 'UTC')")
            try await database.limit(.account, "acme", pending: 2)
            func word(_ pictures: Int) async throws -> String {
                try await database.admit([acme.submission().changed(pictures: pictures)])[0].word
            }
            #expect(try await word(4) == "accepted")
            #expect(try await word(2) == "quota_exceeded", "5 pictures a day")
            #expect(try await word(1) == "accepted")
            #expect(try await word(1) == "too_many_pending", "two tasks, whatever is in them")
            #expect(try await ledgerDrift(database).isEmpty)
            let lease = try await TaskQueue(leaseSeconds: 60).claim(node: "n", limit: 1, afterWallet: 0, in: database.pool)[0].lease
            let failed = Ending(lease: lease, outcome: .failed(code: "x", message: "x"), units: 0, provider: nil)
            _ = try await TaskQueue(leaseSeconds: 60).close([failed], in: database.pool)
            #expect(try await word(4) == "accepted", "what failed is given back to the cap whole")
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func grantsWithADateAreDrawnForAllPictures() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.rows(
                "select grant_credits(\(acme.walletID), 60000, clock_timestamp() + interval '1 hour', 'test', 'test')")
            try await database.admitted([acme.submission().changed(pictures: 4)])
            #expect(try await database.rows("select amount from draws") == [["60000"]])
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func theDatabaseKeepsTheRangeByItself() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let before = try await database.moneyState()
            for pictures in [0, 5, -1] {
                await #expect(throws: (any Error).self) { try await database.admit([acme.submission().changed(pictures: pictures)]) }
            }
            #expect(try await database.moneyState() == before)
        }
    }
}
