import Domain
import Foundation
import Keys
import Postgres
import TestSupport
import Testing

extension KeysSuites {
    @Suite struct DirectoryTests {
        @Test func aKeyIsListedWithoutItsSecret() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, requestsPerMinute: 12, burst: 3)
            _ = try await Tenant.make(database, name: "other")
            let listed = try await KeyIssuer.list(account: "acme", in: database.pool)
            #expect(listed.count == 1)
            let key = try #require(listed.first)
            #expect(key.id == acme.keyID)
            let hint = String(acme.keyText.suffix(4))
            #expect([key.account, key.mode, key.name, key.hint] == ["acme", "live", "test", hint])
            #expect(key.terms.requestsPerMinute == 12 && key.terms.burst == 3 && key.terms.rights == KeyRight.usual)
            #expect(key.expiresAt == nil && key.revokedAt == nil)
            #expect(try await KeyIssuer.list(account: nil, in: database.pool).count == 2)
            #expect(try await KeyIssuer.list(account: "nobody", in: database.pool).isEmpty)
        }

        @Test func revokingAgainKeepsTheFirstMomentAndAnUnknownKeyIsNotFound() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            #expect(try await KeyIssuer.revoke(acme.keyID, in: database.pool))
            let first = try await KeyIssuer.list(account: "acme", in: database.pool)[0].revokedAt
            #expect(try await KeyIssuer.revoke(acme.keyID, in: database.pool))
            #expect(try await KeyIssuer.list(account: "acme", in: database.pool)[0].revokedAt == first)
            #expect(try await !KeyIssuer.revoke(acme.keyID + 1000, in: database.pool))
        }

        @Test func nothingIsMadeForAnAccountOrAGroupThatIsNotThere() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let pool = database.pool
            let issuer = KeyIssuer(secret: Tenant.secret)
            #expect(try await issuer.issue(KeyPlan(account: "nobody", mode: .live, name: "k"), in: pool) == nil)
            #expect(try await !Tenants().createAccount("acme", group: "no-such", actor: "test", in: pool))
            #expect(try await !Tenants().updateGroup("no-such", GroupPlan(), in: pool))
            #expect(try await !Tenants().createGroup("default", GroupPlan(), in: pool))
            #expect(try await !Tenants().suspend("nobody", true, in: pool))
            #expect(try await !Tenants().move("nobody", to: "default", in: pool))
            #expect(try await database.number("select count(*) from api_keys") == 0)
        }

        @Test func anAccountsNameIsPlain() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            for name in ["", "two words", "semi;colon", "\u{e9}t\u{e9}", String(repeating: "a", count: 128)] {
                let error = await #expect(throws: PostgresError.self) {
                    try await Tenants().createAccount(name, group: "default", actor: "test", in: database.pool)
                }
                #expect(error?.constraint == "accounts_name_check", "\(name)")
            }
        }

        @Test func aGroupKeepsWhatAnUpdateDoesNotName() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let pool = database.pool
            var plan = GroupPlan()
            (plan.weight, plan.requestsPerMinute, plan.burst) = (3, 60, 5)
            (plan.maxRunning, plan.maxPending, plan.models) = (2, 9, ["z-image-turbo"])
            #expect(try await Tenants().createGroup("vip", plan, in: pool))
            var change = GroupPlan()
            change.maxRunning = 4
            #expect(try await Tenants().updateGroup("vip", change, in: pool))
            let group = try #require(try await Tenants().groups(named: "vip", in: pool).first)
            #expect(
                [group.weight, group.requestsPerMinute, group.burst, group.maxRunning, group.maxPending]
                    == [3, 60, 5, 4, 9])
            #expect(group.modelsText == "{z-image-turbo}")
            #expect(try await Tenants().createAccount("acme", group: "vip", actor: "test", in: pool))
            #expect(try await Tenants().groups(named: "vip", in: pool)[0].accounts == 1)
        }
    }

    @Suite struct SecretCheckTests {
        @Test func aDatabaseBelongsToItsFirstSecret() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let other = try #require(ServiceSecret(hex: ServiceSecret.makeHex()))
            try await SecretCheck()(Tenant.secret, in: database.pool)
            try await SecretCheck()(Tenant.secret, in: database.pool)
            await #expect(throws: WrongSecret.self) { try await SecretCheck()(other, in: database.pool) }
            try await SecretCheck()(Tenant.secret, in: database.pool)
            // What is stored is no way back to the secret.
            let stored = try await database.rows("select secret_fingerprint from installation")[0][0]
            #expect(stored?.count == 32 && stored != String(repeating: "5a", count: 16))
        }

        @Test(arguments: [
            "", "5a", String(repeating: "5a", count: 31), String(repeating: "5a", count: 33),
            String(repeating: "zz", count: 32), String(repeating: "+5", count: 32),
        ])
        func aSecretIsSixtyFourHexadecimalDigits(text: String) {
            #expect(ServiceSecret(hex: text) == nil)
        }

        @Test func purposesNeverShareAKey() {
            let purposes: [ServiceSecret.Purpose] = [.keyTag, .keyCache, .taskCode, .imageLink, .fingerprint]
            #expect(Set(purposes.map { Tenant.secret.bytes(for: $0) }).count == purposes.count)
            #expect(ServiceSecret.makeHex() != ServiceSecret.makeHex())
            #expect(ServiceSecret(hex: ServiceSecret.makeHex()) != nil)
        }
    }
}
