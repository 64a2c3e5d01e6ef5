import Admission
import Domain
import TestSupport
import Testing

extension AdmissionSuites {
    @Suite struct PriceTests {
        @Test func aGroupWithoutAPriceUsesThatOfDefaultAndItsOwnComesFirst() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.makeGroup("vip")
            let acme = try await Tenant.make(database, group: "vip")
            #expect(try await reserved(acme.submission(), database) == 26_000)
            let own = try await database.setPrice(group: "vip", micro: 11_000)
            // A newer price of the default group does not beat the group's own.
            try await database.setPrice(group: "default", micro: 12_000)
            #expect(try await reserved(acme.submission(), database) == 11_000)
            #expect(try await database.number("select price_id from tasks order by id desc limit 1") == own)
            let other = try await Tenant.make(database, name: "other")
            #expect(try await reserved(other.submission(), database) == 12_000)
        }

        @Test func aPriceForTheSizeComesBeforeOneForEverySize() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.setPrice(tier: "large", micro: 70_000)
            try await database.setPrice(tier: nil, micro: 20_000)
            #expect(try await reserved(acme.submission().changed(side: 1536), database) == 70_000)
            #expect(try await reserved(acme.submission().changed(side: 1025), database) == 70_000)
            #expect(try await reserved(acme.submission().changed(side: 1024), database) == 20_000)
        }

        @Test func aPriceOfAFutureDateIsNotYetInForce() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.setPrice(micro: 99_000, from: "now() + interval '1 hour'")
            #expect(try await reserved(acme.submission(), database) == 26_000)
            try await database.agePrices(by: "59 minutes")
            #expect(try await reserved(acme.submission(), database) == 26_000)
            try await database.agePrices(by: "1 minute")
            #expect(try await reserved(acme.submission(), database) == 99_000)
        }

        @Test func thePriceOfTheMomentOfSubmitStaysWithTheTask() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let keyed = acme.submission(idempotencyKey: "one")
            let id = try await database.admitted([keyed])[0]
            let pinned = try await database.number("select price_id from tasks where id = \(id.value)")
            try await database.setPrice(micro: 99_000)
            // A replay answers what was reserved then.
            #expect(try await reserved(keyed, database) == 26_000)
            let task = try await database.rows("select price_id, reserved from tasks where id = \(id.value)")[0]
            #expect(task == ["\(pinned)", "26000"])
            let entry = try await database.rows("select price_id, amount from entries where task_id = \(id.value)")[0]
            #expect(entry == ["\(pinned)", "26000"])
        }

        @Test(arguments: [BillingRule.perSecond, .perToken])
        func aPriceByUnitsReservesItsMaximum(rule: BillingRule) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.setPrice(rule: rule, micro: 1_500, unitsMax: 60)
            let task = try await database.admit([acme.submission()])[0].outcome.get()
            #expect(task.reserved == Credits(micro: 90_000))
            #expect(task.rule == rule)
            #expect(try await acme.balance(database) == (910_000, 90_000, 0))
        }

        @Test func aFreeModelIsAdmittedWithoutCredit() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.setPrice(micro: 0)
            let acme = try await Tenant.make(database, credits: "0")
            #expect(try await reserved(acme.submission(), database) == 0)
            #expect(try await ledgerDrift(database).isEmpty)
        }

        private func reserved(_ submission: Submission, _ database: TestDatabase) async throws -> Int64 {
            try await database.admit([submission])[0].outcome.get().reserved.micro
        }
    }
}
