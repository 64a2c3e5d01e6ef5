import Foundation
import Postgres
import TestSupport
import Testing

@testable import Keys

extension KeysSuites {
    @Suite struct CallbackSecretTests {
        private let secrets = CallbackSecrets(secret: Tenant.secret)

        private func rotate(_ tenant: Tenant, _ database: TestDatabase, overlapSeconds: Int = 3600) async throws {
            try await database.pool.transaction { transaction in
                let owner = try #require(try await CallbackSecrets.owner(tenant.name, in: transaction))
                #expect(owner == tenant.accountID)
                try await secrets.rotate(of: owner, overlapSeconds: overlapSeconds, in: transaction)
            }
        }

        /// The example of the Standard Webhooks specification.
        @Test func theSignatureIsThatOfTheSpecification() throws {
            let bytes = try #require(Data(base64Encoded: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
            let secret = CallbackSecret(id: 1, endsAt: nil, bytes: Array(bytes))
            #expect(secret.text == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            let signature = secret.signature(
                id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: "1614265330", body: Array(#"{"test": 2432232314}"#.utf8))
            #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        }

        @Test func anAccountHasASecretOfItsOwnFromTheFirstTimeOn() async throws {
            let database = try await TestDatabase.fresh()
            let acme = try await Tenant.make(database)
            let other = try await Tenant.make(database, name: "other")
            // Many nodes may need the first one at once, and all must sign with the same.
            let texts = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<6 {
                    group.addTask { try await secrets.current(of: acme.accountID, in: database.pool).map(\.text).joined() }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(texts.count == 1)
            let text = try #require(texts.first)
            let bytes = try #require(Data(base64Encoded: String(text.dropFirst("whsec_".count))))
            #expect(text.hasPrefix("whsec_") && (24...32).contains(bytes.count))
            #expect(try await secrets.current(of: other.accountID, in: database.pool).map(\.text) != [text])
            #expect(try await secrets.current(of: acme.accountID, in: database.pool).map(\.text) == [text], "it stays")
        }

        @Test func afterARotationTwoSignAndNeverThree() async throws {
            let database = try await TestDatabase.fresh()
            let acme = try await Tenant.make(database)
            func texts() async throws -> [String] {
                try await secrets.current(of: acme.accountID, in: database.pool).map(\.text)
            }
            let first = try await texts()
            try await rotate(acme, database)
            let second = try await texts()
            #expect(second.count == 2 && second.last == first.first, "the newest first")
            let ends = try await secrets.current(of: acme.accountID, in: database.pool).map(\.endsAt)
            #expect(ends.count == 2 && ends[0] == nil)
            let end = try #require(ends[1])
            #expect(abs(end.timeIntervalSinceNow - 3600) < 60)
            try await rotate(acme, database)
            let third = try await texts()
            #expect(third.count == 2 && third.last == second.first)
            let all = Set(first + second + third)
            #expect(all.count == 3)
            try await database.rows("update callback_secrets set ends_at = now() - interval '1 second' where ends_at is not null")
            #expect(try await texts() == [third[0]], "the overlap is over")
            try await rotate(acme, database, overlapSeconds: 0)
            #expect(try await texts().count == 1)
            #expect(try await texts() != [third[0]])
        }

        @Test func rotationsAtOnceFollowEachOther() async throws {
            let database = try await TestDatabase.fresh()
            let acme = try await Tenant.make(database)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<6 { group.addTask { try await rotate(acme, database) } }
                try await group.waitForAll()
            }
            #expect(try await secrets.current(of: acme.accountID, in: database.pool).count == 2)
            #expect(try await database.number("select count(*) from callback_secrets where ends_at is null") == 1)
        }

        @Test func anUnknownAccountHasNone() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let owner = try await database.pool.transaction { try await CallbackSecrets.owner("nobody", in: $0) }
            #expect(owner == nil)
        }

        @Test func theDatabaseHoldsNoneInTheClearAndARowFitsItsAccountAlone() async throws {
            let database = try await TestDatabase.fresh()
            let acme = try await Tenant.make(database)
            let other = try await Tenant.make(database, name: "other")
            let secret = try await secrets.current(of: acme.accountID, in: database.pool)[0]
            let clear = try #require(Data(base64Encoded: String(secret.text.dropFirst("whsec_".count))))
            let hex = clear.map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
            let stored = try await database.rows("select encode(sealed, 'hex') from callback_secrets")
            let sealed = try #require(stored[0][0])
            #expect(stored.count == 1 && !sealed.contains(hex))
            // A nonce of 12 bytes, 32 and a tag of 16.
            #expect(sealed.count == 120)
            try await database.rows("update callback_secrets set account_id = \(other.accountID)")
            await #expect(throws: CallbackSecretUnreadable.self) {
                try await secrets.current(of: other.accountID, in: database.pool)
            }
        }

        @Test(arguments: ["set_byte(sealed, 3, get_byte(sealed, 3) # 1)", "set_byte(sealed, 30, get_byte(sealed, 30) # 1)", "''"])
        func whatWasChangedDoesNotOpen(change: String) async throws {
            let database = try await TestDatabase.fresh()
            let acme = try await Tenant.make(database)
            _ = try await secrets.current(of: acme.accountID, in: database.pool)
            try await database.rows("update callback_secrets set sealed = \(change)")
            let error = await #expect(throws: CallbackSecretUnreadable.self) {
                try await secrets.current(of: acme.accountID, in: database.pool)
            }
            #expect(error?.description.contains("--overlap 0") == true)
            try await rotate(acme, database, overlapSeconds: 0)
            #expect(try await secrets.current(of: acme.accountID, in: database.pool).count == 1, "as it says")
        }

        @Test func anotherInstallationsSecretOpensNothing() async throws {
            let database = try await TestDatabase.fresh()
            let acme = try await Tenant.make(database)
            _ = try await secrets.current(of: acme.accountID, in: database.pool)
            let stranger = CallbackSecrets(secret: try #require(ServiceSecret(hex: String(repeating: "6b", count: 32))))
            await #expect(throws: CallbackSecretUnreadable.self) {
                try await stranger.current(of: acme.accountID, in: database.pool)
            }
        }
    }
}
