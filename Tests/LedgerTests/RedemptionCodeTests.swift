import Crypto
import Domain
import Foundation
import Keys
import Ledger
import Postgres
import TestSupport
import Testing

extension LedgerSuites {
    @Suite struct RedemptionCodeTests {
        private let codes = RedemptionCodes(key: Tenant.secret.key(for: .redemptionCode))

        private func make(
            _ database: TestDatabase, _ change: (inout CodePlan) -> Void = { _ in }
        ) async throws -> (id: Int64, code: RedemptionCode) {
            var plan = CodePlan(amount: Credits(micro: 250_000))
            change(&plan)
            guard let made = try await codes.make(plan, reason: "spring", actor: "test", in: database.pool) else {
                throw TestFailure("no such account")
            }
            return made
        }

        private func redeem(_ code: RedemptionCode, _ tenant: Tenant, _ database: TestDatabase) async throws -> Redemption {
            try await codes.redeem(code, walletID: tenant.walletID, actor: "test", in: database.pool)
        }

        @Test func aCodeIsReadAsPeopleTypeIt() {
            let code = RedemptionCode.make()
            #expect(code.text.wholeMatch(of: /ZC(-[0-9A-HJKMNP-TV-Z]{5}){4}/) != nil)
            let plain = code.text.replacing("-", with: "").dropFirst(2)
            for typed in [code.text.lowercased(), String(plain), " zc \(plain) ", "zc" + plain.lowercased()] {
                #expect(RedemptionCode(typed) == code, "\(typed)")
            }
            #expect(RedemptionCode("ZC-OOOOO-IIIII-LLLLL-00000") == RedemptionCode("ZC-00000-11111-11111-00000"))
            let wrong = ["", "ZC-", String(plain.dropLast()), "\(plain)A", "ZC-UUUUU-AAAAA-AAAAA-AAAAA", String(repeating: "A", count: 99)]
            for typed in wrong { #expect(RedemptionCode(typed) == nil, "\(typed)") }
        }

        @Test func aCodeGivesItsCreditsOnceAndTheDatabaseNeverHasItsText() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "0")
            let other = try await Tenant.make(database, name: "other", credits: "0")
            let (id, code) = try await make(database) { $0.creditDays = 30 }
            let plain = code.text.replacing("-", with: "").dropFirst(2)
            let stored = try await database.rows("select c::text from redemption_codes c")[0][0] ?? ""
            #expect(!stored.contains(code.text) && !stored.contains(plain))

            let first = try await redeem(code, acme, database)
            guard case .redeemed(let amount, let entry, let expires?, false) = first else { throw TestFailure("\(first)") }
            #expect(amount.micro == 250_000)
            let days = expires.timeIntervalSinceNow / 86_400
            #expect(days > 29.9 && days <= 30)
            #expect(try await acme.balance(database).available == 250_000)
            let again = try await redeem(code, acme, database)
            #expect(again == .redeemed(amount: amount, entryID: entry, expiresAt: expires, replayed: true))
            #expect(try await redeem(code, other, database) == .used)
            #expect(try await acme.balance(database).available == 250_000)
            #expect(try await other.balance(database).available == 0)
            #expect(try await !RedemptionCodes.withdraw(id, in: database.pool))
            let listed = try await RedemptionCodes.list(in: database.pool)[0]
            #expect(listed.state == "redeemed" && listed.redeemedBy == "acme" && code.text.hasSuffix(listed.hint))
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func manyWhoRaceForACodeGetItOnce() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 6)
            var tenants: [Tenant] = []
            for name in ["a", "b", "c"] { tenants.append(try await Tenant.make(database, name: name, credits: "0")) }
            let everyone = tenants
            for _ in 0..<10 {
                let (_, code) = try await make(database)
                let outcomes = try await withThrowingTaskGroup(of: Redemption.self) { group in
                    for turn in 0..<9 { group.addTask { try await redeem(code, everyone[turn % 3], database) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let fresh = outcomes.count { if case .redeemed(_, _, _, false) = $0 { true } else { false } }
                #expect(fresh == 1 && outcomes.count { $0 == .used } == 6)
            }
            #expect(try await database.number("select sum(available) from wallets where mode = 'live'") == 2_500_000)
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func aCodeCanBeForOneAccountForATimeAndCanBeTakenBack() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "0")
            let other = try await Tenant.make(database, name: "other", credits: "0")
            let (_, personal) = try await make(database) { $0.account = "acme" }
            #expect(try await redeem(personal, other, database) == .unknown)
            let (late, expired) = try await make(database) { $0.validUntil = Date(timeIntervalSinceNow: 60) }
            try await database.rows("update redemption_codes set valid_until = now() where id = \(late)")
            #expect(try await redeem(expired, acme, database) == .tooLate)
            let (id, taken) = try await make(database)
            #expect(try await RedemptionCodes.withdraw(id, in: database.pool))
            #expect(try await !RedemptionCodes.withdraw(id, in: database.pool))
            #expect(try await redeem(taken, acme, database) == .withdrawn)
            #expect(try await redeem(RedemptionCode.make(), acme, database) == .unknown)
            #expect(try await acme.balance(database).available == 0)
            #expect(try await redeem(personal, acme, database) != .unknown)
            let stranger = try await codes.make(
                CodePlan(amount: Credits(micro: 1), account: "nobody"), reason: "x", actor: "x", in: database.pool)
            #expect(stranger == nil)
        }

        /// With another installation's secret a code is nothing.
        @Test func aCodeOfAnotherSecretIsUnknown() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let (_, code) = try await make(database)
            let others = RedemptionCodes(key: SymmetricKey(size: .bits256))
            #expect(try await others.redeem(code, walletID: acme.walletID, actor: "x", in: database.pool) == .unknown)
        }

        @Test func aRedeemedCodeIsNeverChangedAgain() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let (id, code) = try await make(database)
            _ = try await redeem(code, acme, database)
            let change = "update redemption_codes set redeemed_at = null, wallet_id = null, entry_id = null where id = \(id)"
            let error = await #expect(throws: PostgresError.self) { try await database.rows(change) }
            #expect(error?.sqlState == "42501")
            let service = try await Connection.open(database.address)
            await #expect(throws: PostgresError.self) {
                try await service.runText("update redemption_codes set amount = 1")
            }
        }
    }
}

extension CodePlan {
    fileprivate init(amount: Credits, account: String) {
        self.init(amount: amount)
        self.account = account
    }
}
