import Domain
import Keys
import Postgres
import TestSupport
import Testing

extension KeysSuites {
    /// How soon every node stops honouring what was withdrawn.
    @Suite struct EpochTests {
        private struct Node {
            let session: WatchedSession
            let clock = DrivenClock()
            let epochs: EpochWatch
            let keys: KeyVerifier

            init(_ database: TestDatabase) {
                let session = WatchedSession(database.pool)
                let epochs = EpochWatch(session, now: { [clock] in clock.now })
                self.session = session
                self.epochs = epochs
                keys = KeyVerifier(session, epochs: epochs, secret: Tenant.secret)
            }
        }

        @Test func aRevocationIsSeenAfterARefresh() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let node = Node(database)
            _ = try await node.keys.verify(acme.keyText)
            #expect(try await KeyIssuer.revoke(acme.keyID, in: database.pool))
            // The node has not heard of it yet.
            #expect(try await node.keys.verify(acme.keyText).keyID == acme.keyID)
            try await node.epochs.refresh()
            await #expect(throws: KeyError.revoked) { try await node.keys.verify(acme.keyText) }
        }

        @Test func aRevocationIsSeenWithinTwoSecondsWithoutAnyHint() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let node = Node(database)
            _ = try await node.keys.verify(acme.keyText)
            #expect(try await KeyIssuer.revoke(acme.keyID, in: database.pool))
            node.clock.advance(by: .milliseconds(1999))
            #expect(try await node.keys.verify(acme.keyText).keyID == acme.keyID)
            node.clock.advance(by: .milliseconds(1))
            await #expect(throws: KeyError.revoked) { try await node.keys.verify(acme.keyText) }
        }

        @Test func withoutAFreshEpochAndADatabaseNoKeyIsHonoured() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let node = Node(database)
            _ = try await node.keys.verify(acme.keyText)
            node.session.setDead(true)
            // What is fresh is enough.
            _ = try await node.keys.verify(acme.keyText)
            node.clock.advance(by: .seconds(2))
            await #expect(throws: KeyError.unavailable) { try await node.keys.verify(acme.keyText) }
            node.session.setDead(false)
            #expect(try await node.keys.verify(acme.keyText).keyID == acme.keyID)
        }

        @Test func aKeyThatCannotBeLookedUpIsNotCalledInvalid() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let node = Node(database)
            try await node.epochs.refresh()
            node.session.setDead(true)
            await #expect(throws: KeyError.unavailable) { try await node.keys.verify(acme.keyText) }
        }

        @Test func whenTheEpochMovesTheRowIsReadAgainButTheSecretIsNotCheckedAgain() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let node = Node(database)
            _ = try await node.keys.verify(acme.keyText)
            #expect(node.session.asked("key_find") == 1)
            // With this hash a new check would fail.
            try await database.rows("update api_keys set hash = '$argon2id$none'")
            try await node.epochs.refresh()
            _ = try await node.keys.verify(acme.keyText)
            #expect(node.session.asked("key_find") == 1)
            _ = try await node.keys.verify(acme.keyText)
            #expect(node.session.asked("key_find") == 0)
        }

        @Test func everyNarrowingChangeMovesTheEpochAndANewKeyDoesNot() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let pool = database.pool
            func epoch() async throws -> Int64 { try await database.number("select epoch from auth_epoch") }
            func moves(_ change: () async throws -> Bool) async throws -> Bool {
                let before = try await epoch()
                #expect(try await change())
                return try await epoch() > before
            }
            #expect(try await Tenants().createGroup("vip", GroupPlan(), in: pool))
            var plan = GroupPlan()
            plan.requestsPerMinute = 5
            #expect(try await moves { try await Tenants().updateGroup("vip", plan, in: pool) })
            #expect(try await moves { try await Tenants().move("acme", to: "vip", in: pool) })
            #expect(try await moves { try await Tenants().suspend("acme", true, in: pool) })
            #expect(try await moves { try await Tenants().suspend("acme", false, in: pool) })
            #expect(try await moves { try await KeyIssuer.revoke(acme.keyID, in: pool) })
            #expect(try await moves {
                try await database.limit(.account, "acme", rpm: 5)
                return true
            })
            for column in [
                "rpm = 5", "burst = 5", "models = '{}'", "expires_at = now()", "scopes = '{read}'", "ips = '{10.0.0.0/8}'",
            ] {
                let isMoved = try await moves {
                    try await database.rows("update api_keys set \(column)")
                    return true
                }
                #expect(isMoved, "\(column)")
            }
            let isMovedByANewKey = try await moves { try await Tenant.make(database).keyID > 0 }
            #expect(!isMovedByANewKey)
        }
    }
}
