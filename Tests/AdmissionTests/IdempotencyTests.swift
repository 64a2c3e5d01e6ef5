import Admission
import Domain
import TestSupport
import Testing

extension AdmissionSuites {
    @Suite struct IdempotencyTests {
        @Test func theSameKeyAndBodyAnswersTheSameTask() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let keyed = acme.submission(idempotencyKey: "one")
            let verdict = try await database.admit([keyed])[0]
            let before = try await database.moneyState()
            let again = try await database.admit([keyed])[0]
            #expect(!verdict.replayed && again.replayed)
            let (first, second) = (try verdict.outcome.get(), try again.outcome.get())
            #expect(second.id == first.id)
            #expect(second.createdAt == first.createdAt)
            #expect(second.reserved == first.reserved)
            #expect(try await database.moneyState() == before)
        }

        @Test func anotherBodyUnderTheSameKeyIsAConflict() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.admitted([acme.submission(idempotencyKey: "one", fingerprint: [1, 2])])
            let verdict = try await database.admit([acme.submission(idempotencyKey: "one", fingerprint: [1, 3])])[0]
            #expect(verdict.word == "idempotency_conflict")
            #expect(try await database.number("select count(*) from tasks") == 1)
        }

        /// Rule 8, its last sentence.
        @Test func whatWasRefusedForLackOfCreditStaysRefusedAfterAGrant() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "0.01")
            let keyed = acme.submission(idempotencyKey: "one")
            #expect(try await database.admit([keyed])[0].word == "credits_insufficient")
            try await database.rows("select grant_credits(\(acme.walletID), 1000000, null, 'test', 'test')")
            #expect(try await database.admit([keyed])[0].word == "credits_insufficient")
            #expect(try await database.admit([acme.submission(idempotencyKey: "two")])[0].word == "accepted")
            let other = acme.submission(idempotencyKey: "one", fingerprint: [9])
            #expect(try await database.admit([other])[0].word == "idempotency_conflict")
        }

        @Test func anyOtherRefusalLeavesTheKeyFree() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.makeGroup("full", setting: "rpm = 1, burst = 1")
            let acme = try await Tenant.make(database, group: "full")
            try await database.admitted([acme.submission()])
            let keyed = acme.submission(idempotencyKey: "one")
            #expect(try await database.admit([keyed])[0].word == "rate_limited")
            try await database.rows("update user_groups set rpm = null")
            #expect(try await database.admit([keyed])[0].word == "accepted")
        }

        @Test func theSameKeyOfAnotherWalletIsAnotherKey() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let beta = try await Tenant.make(database, name: "beta")
            let test = try await Tenant.make(database, mode: .test)
            var words: [String] = []
            for tenant in [acme, beta, test] {
                let keyed = tenant.submission(idempotencyKey: "one", fingerprint: [UInt8(tenant.walletID)])
                words += try await database.admit([keyed, acme.submission()]).map(\.word)
            }
            #expect(words == Array(repeating: "accepted", count: 6))
        }

        @Test func racingWithOneKeyMakesOneTask() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 2)
            let acme = try await Tenant.make(database)
            for round in 0..<25 {
                let keyed = acme.submission(idempotencyKey: "round \(round)")
                async let left = database.admit([keyed])
                async let right = database.admit([keyed])
                let verdicts = try await left + right
                #expect(Set(verdicts.map(\.word)) == ["accepted", "replayed"])
                #expect(verdicts[0].taskID == verdicts[1].taskID)
            }
            #expect(try await acme.balance(database) == (350_000, 650_000, 0))
            #expect(try await ledgerDrift(database).isEmpty)
        }
    }
}
