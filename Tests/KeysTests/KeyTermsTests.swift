import Domain
import Foundation
import Keys
import Postgres
import TestSupport
import Testing

extension KeysSuites {
    /// What a key may do and from where, keys that take the place of others, and when a key was last used.
    @Suite struct KeyTermsTests {
        private let issuer = KeyIssuer(secret: Tenant.secret)

        private func verifier(_ session: any Session, uses: KeyUses? = nil) -> KeyVerifier {
            KeyVerifier(session, epochs: EpochWatch(session), secret: Tenant.secret, uses: uses)
        }

        private func update(
            _ id: Int64, _ database: TestDatabase, _ change: @escaping @Sendable (inout KeyTerms) -> Void
        ) async throws -> KeyTerms? {
            try await database.pool.transaction { try await KeyIssuer.update(id, in: $0, change) }
        }

        private func rotate(_ id: Int64, overlapSeconds: Int64 = 3600, _ database: TestDatabase) async throws -> IssuedKey? {
            try await database.pool.transaction { try await issuer.rotate(id, overlapSeconds: overlapSeconds, in: $0) }
        }

        @Test func aKeyMayDoWhatItsRightsSayFromWhereItMayBeUsed() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let usual = try await verifier(database.pool).verify(acme.keyText)
            #expect(usual.rights == [.generate, .read] && usual.addresses == nil && !usual.isRateLimited)
            try usual.check(.generate, from: nil)
            try usual.check(.read, from: nil)
            #expect(throws: KeyError.rightMissing(.admin)) { try usual.check(.admin, from: nil) }

            let changed = try await update(acme.keyID, database) {
                $0.rights = [.read]
                $0.addresses = ["10.0.0.0/8", "2001:db8::1"]
                $0.requestsPerMinute = 5
            }
            #expect(changed?.rights == [.read])
            let narrow = try await verifier(database.pool).verify(acme.keyText)
            #expect(narrow.isRateLimited)
            try narrow.check(.read, from: IPAddress(literal: "10.9.9.9"))
            try narrow.check(.read, from: IPAddress(literal: "::ffff:10.9.9.9"))
            try narrow.check(.read, from: IPAddress(literal: "2001:db8::1"))
            #expect(throws: KeyError.rightMissing(.generate)) { try narrow.check(.generate, from: IPAddress(literal: "10.0.0.1")) }
            for address in ["11.0.0.1", "2001:db8::2"] {
                #expect(throws: KeyError.addressForbidden) { try narrow.check(.read, from: IPAddress(literal: address)) }
            }
            #expect(throws: KeyError.addressForbidden, "nobody can say from where") { try narrow.check(.read, from: nil) }
            #expect(try await update(acme.keyID + 99, database) { $0.rights = [.read] } == nil)
        }

        @Test func aNarrowedKeyIsNarrowOnEveryNodeWithinTwoSecondsWithoutAnyHint() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let clock = DrivenClock()
            let keys = KeyVerifier(
                database.pool, epochs: EpochWatch(database.pool, now: { clock.now }), secret: Tenant.secret)
            #expect(try await keys.verify(acme.keyText).rights == KeyRight.usual)
            _ = try await update(acme.keyID, database) { $0.rights = [.read] }
            clock.advance(by: .seconds(2))
            #expect(try await keys.verify(acme.keyText).rights == [.read])
        }

        @Test func theDatabaseTakesNoRightsAndAddressesThatAreNone() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            _ = try await Tenant.make(database)
            for columns in ["scopes = '{}'", "scopes = '{write}'", "scopes = null", "ips = '{10.0.0.1/8}'", "ips = '{here}'"] {
                await #expect(throws: PostgresError.self, "\(columns)") { try await database.rows("update api_keys set \(columns)") }
            }
        }

        @Test func aRotatedKeyHasTheSameRightsAndTheOldOneWorksUntilTheOverlapIsOver() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, requestsPerMinute: 12, burst: 3)
            _ = try await update(acme.keyID, database) {
                ($0.rights, $0.addresses, $0.models) = ([.read, .admin], ["10.0.0.0/8"], ["z-image-turbo"])
            }
            try await database.limit(.key, String(acme.keyID), model: "z-image-turbo", running: 2)
            let made = try #require(try await rotate(acme.keyID, database))
            let rows = try await KeyIssuer.list(in: database.pool)
            #expect(rows.map(\.id) == [acme.keyID, made.id])
            #expect(rows[1].terms == rows[0].terms && rows[1].name == rows[0].name && rows[1].mode == rows[0].mode)
            #expect(rows[0].rotatedTo == made.id && rows[1].rotatedTo == nil && rows[1].expiresAt == nil)
            let left = try #require(rows[0].expiresAt).timeIntervalSince(rows[1].createdAt)
            #expect(abs(left - 3600) < 60)
            let limits = try await LimitBook().list(.key, String(made.id), in: database.pool)
            #expect(limits.map(\.plan.maxRunning) == [nil, 2])
            let end = try #require(rows[0].expiresAt)
            let late = KeyVerifier(
                database.pool, epochs: EpochWatch(database.pool), secret: Tenant.secret, now: { end })
            let keys = verifier(database.pool)
            #expect(try await keys.verify(acme.keyText).keyID == acme.keyID)
            #expect(try await keys.verify(made.text).keyID == made.id)
            await #expect(throws: KeyError.expired) { try await late.verify(acme.keyText) }
            #expect(try await late.verify(made.text).keyID == made.id)
        }

        @Test func aKeyIsRotatedOnceAndADeadOneNotAtAll() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let second = try #require(try await rotate(acme.keyID, database))
            #expect(try await rotate(acme.keyID, database) == nil, "it has its successor")
            let third = try #require(try await rotate(second.id, overlapSeconds: 0, database))
            await #expect(throws: KeyError.expired) { try await verifier(database.pool).verify(second.text) }
            #expect(try await KeyIssuer.revoke(third.id, in: database.pool))
            #expect(try await rotate(third.id, database) == nil)
            #expect(try await rotate(9999, database) == nil)
            // An earlier date stays: rotating never makes a key live longer.
            let short = try await Tenant.make(database)
            try await database.rows("update api_keys set expires_at = now() + interval '1 minute' where id = \(short.keyID)")
            let heir = try #require(try await rotate(short.keyID, database))
            let dates = try await KeyIssuer.list(in: database.pool).filter { [short.keyID, heir.id].contains($0.id) }.map(\.expiresAt)
            #expect(dates[0] != nil && dates[0] == dates[1])
            #expect(try await database.number("select count(*) from api_keys") == 5)
        }

        @Test func theLastUseIsWrittenOnceAMinuteForAllKeysTogether() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let first = try await Tenant.make(database)
            let second = try await Tenant.make(database)
            let session = WatchedSession(database.pool)
            let uses = KeyUses()
            let minute = DrivenDate()
            let keys = KeyVerifier(
                session, epochs: EpochWatch(session), secret: Tenant.secret, uses: uses, now: { minute.now })
            func use() async throws {
                for _ in 0..<5 { for tenant in [first, second] { _ = try await keys.verify(tenant.keyText) } }
            }
            try await uses.write(in: session)
            #expect(session.asked("key_used") == 0, "nothing to write")
            try await use()
            try await uses.write(in: session)
            try await use()
            try await uses.write(in: session)
            #expect(session.asked("key_used") == 1)
            let listed = try await KeyIssuer.list(in: database.pool)
            #expect(listed.allSatisfy { $0.lastUsedAt != nil })
            minute.advance(by: 60)
            try await use()
            session.setDead(true)
            await #expect(throws: PostgresError.self) { try await uses.write(in: session) }
            session.setDead(false)
            try await uses.write(in: session)
            #expect(session.asked("key_used") == 2, "what could not be written waits")
            let later = try await KeyIssuer.list(in: database.pool)
            #expect(zip(listed, later).allSatisfy { ($0.lastUsedAt ?? .distantFuture) < ($1.lastUsedAt ?? .distantPast) })
            // A refused key is not a used one.
            let third = try await Tenant.make(database)
            #expect(try await KeyIssuer.revoke(third.keyID, in: database.pool))
            await #expect(throws: KeyError.revoked) { try await keys.verify(third.keyText) }
            try await uses.write(in: session)
            #expect(try await KeyIssuer.list(id: third.keyID, in: database.pool)[0].lastUsedAt == nil)
        }

        @Test func aKeyCountsAsLimitedWhicheverLimitItIs() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            func isLimited() async throws -> Bool { try await verifier(database.pool).verify(acme.keyText).isRateLimited }
            #expect(try await !isLimited())
            for (scope, subject) in [(QuotaScope.key, String(acme.keyID)), (.account, "acme"), (.group, "default")] {
                try await database.limit(scope, subject, rpm: 5)
                #expect(try await isLimited(), "\(scope)")
                try await database.limit(scope, subject, running: 5)
                #expect(try await !isLimited(), "\(scope)")
            }
        }
    }
}
