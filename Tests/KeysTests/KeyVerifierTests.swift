import Domain
import Foundation
import Keys
import Postgres
import Synchronization
import TestSupport
import Testing

extension KeysSuites {
    @Suite struct KeyVerifierTests {
        @Test func aKeyStandsForItsCaller() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            for mode in AccountMode.allCases {
                let acme = try await Tenant.make(database, mode: mode)
                let caller = try await verifier(database).verify(acme.keyText)
                #expect(caller.keyID == acme.keyID)
                #expect(caller.accountID == acme.accountID)
                #expect(caller.walletID == acme.walletID)
                #expect(caller.mode == mode)
                #expect(caller.expiresAt == nil)
            }
        }

        @Test func aKeyWhoseRowIsGoneIsInvalid() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.rows("delete from api_keys")
            await #expect(throws: KeyError.invalid) { try await verifier(database).verify(acme.keyText) }
        }

        /// The tag fits, the selector finds a row, but the secret is another key's.
        @Test func aWrongSecretWithARightTagIsInvalid() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let first = try await Tenant.make(database)
            let second = try await Tenant.make(database)
            let selector = first.keyText.dropFirst(8).prefix(12)
            try await database.rows(
                """
                update api_keys set selector = 'elsewhere' where id = \(first.keyID);
                update api_keys set selector = '\(selector)' where id = \(second.keyID)
                """)
            let keys = verifier(database)
            await #expect(throws: KeyError.invalid) { try await keys.verify(first.keyText) }
            await #expect(throws: KeyError.invalid, "a refusal must not be remembered as a success") {
                try await keys.verify(first.keyText)
            }
        }

        @Test func aRevokedKeyASuspendedAccountAndAnExpiredKeySaySo() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let pool = database.pool
            #expect(try await Tenants().suspend("acme", true, in: pool))
            await #expect(throws: KeyError.accountSuspended) { try await verifier(database).verify(acme.keyText) }
            #expect(try await Tenants().suspend("acme", false, in: pool))
            #expect(try await verifier(database).verify(acme.keyText).keyID == acme.keyID)
            try await database.rows("update api_keys set expires_at = now()")
            await #expect(throws: KeyError.expired) { try await verifier(database).verify(acme.keyText) }
            #expect(try await KeyIssuer.revoke(acme.keyID, in: pool))
            await #expect(throws: KeyError.revoked) { try await verifier(database).verify(acme.keyText) }
        }

        @Test func aRememberedKeyStillExpiresOnItsDate() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            _ = try await Tenant.make(database)
            var plan = KeyPlan(account: "acme", mode: .live, name: "short")
            let end = Date(timeIntervalSince1970: 4_000_000_000)
            plan.expiresAt = end
            let key = try #require(try await KeyIssuer(secret: Tenant.secret).issue(plan, in: database.pool))
            let now = Mutex(end.addingTimeInterval(-1))
            let keys = KeyVerifier(
                database.pool, epochs: EpochWatch(database.pool), secret: Tenant.secret,
                now: { now.withLock { $0 } })
            #expect(try await keys.verify(key.text).expiresAt == end)
            now.withLock { $0 = end }
            await #expect(throws: KeyError.expired) { try await keys.verify(key.text) }
        }

        /// More callers than the checks of argon2id that may wait: they must share one.
        @Test func manyCallersWithOneNewKeyShareOneCheck() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 8)
            let acme = try await Tenant.make(database)
            let keys = verifier(database)
            let callers = try await withThrowingTaskGroup(of: Int64.self) { group in
                for _ in 0..<300 { group.addTask { try await keys.verify(acme.keyText).keyID } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(callers == Array(repeating: acme.keyID, count: 300))
        }

        @Test func aVerifiedKeyIsRememberedAndCostsNoQuery() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let session = WatchedSession(database.pool)
            let clock = DrivenClock()
            let keys = KeyVerifier(
                session, epochs: EpochWatch(session, now: { clock.now }), secret: Tenant.secret)
            _ = try await keys.verify(acme.keyText)
            #expect(session.asked("key_find") == 1)
            #expect(session.asked("auth_epoch") == 1)
            for _ in 0..<20 { _ = try await keys.verify(acme.keyText) }
            #expect(session.asked("key_find") == 0)
            #expect(session.asked("auth_epoch") == 0)
        }

        private func verifier(_ database: TestDatabase) -> KeyVerifier {
            KeyVerifier(database.pool, epochs: EpochWatch(database.pool), secret: Tenant.secret)
        }
    }
}
