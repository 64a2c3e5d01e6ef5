import Domain
import Keys
import Postgres
import TestSupport
import Testing

/// The shape of keys, and what a forged one costs.
@Suite struct KeyTextTests {
    /// A verifier that fails the test when it asks the database anything.
    private let verifier = KeyVerifier(
        ForbiddenSession(), epochs: EpochWatch(ForbiddenSession()), secret: Tenant.secret)

    private func isInvalid(_ text: String) async -> Bool {
        do {
            _ = try await verifier.verify(text)
            return false
        } catch {
            return error == .invalid
        }
    }

    @Test(arguments: [
        "", "zk_live_", "zk_live_abc", "Bearer zk_live_", "sk-0123456789",
        "zk_live_0123456789AB_0123456789abcdefghijklmnopqrstuv00000000000",
        "zk_test_0123456789AB_0123456789abcdefghijklmnopqrstuvAAAAAAAAAAA",
        "zk_prod_0123456789AB_0123456789abcdefghijklmnopqrstuvAAAAAAAAAAA",
        "zk_live_0123456789AB-0123456789abcdefghijklmnopqrstuvAAAAAAAAAAA",
        "zk_live_\u{e9}123456789A_0123456789abcdefghijklmnopqrstuvAAAAAAAAAAA",
        "zk_live_0123456789AB_0123456789abcdefghijklmnopqrstuv\0\0\0\0\0\0\0\0\0\0\0",
        String(repeating: "x", count: 100_000),
    ])
    func whatWeDidNotMakeIsRefusedWithoutAQuery(text: String) async {
        #expect(await isInvalid(text))
    }
}

extension KeysSuites {
    @Suite struct ForgedKeyTests {
        private let verifier = KeyVerifier(
            ForbiddenSession(), epochs: EpochWatch(ForbiddenSession()), secret: Tenant.secret)

        @Test func aKeyHasItsShape() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let live = try await Tenant.make(database)
            let test = try await Tenant.make(database, mode: .test)
            #expect(live.keyText.wholeMatch(of: /zk_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}/) != nil)
            #expect(test.keyText.wholeMatch(of: /zk_test_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}/) != nil)
            let row = try await database.rows("select selector, hint, hash from api_keys where id = \(live.keyID)")[0]
            #expect(row[0] == String(live.keyText.dropFirst(8).prefix(12)))
            #expect(row[1] == String(live.keyText.suffix(4)))
            let hash = try #require(row[2])
            #expect(hash.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
            #expect(!hash.contains(String(live.keyText.dropFirst(21).prefix(32))))
        }

        @Test func everyChangeOfOneCharacterIsRefusedWithoutAQuery() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let characters = Array(acme.keyText)
            for place in characters.indices {
                for other in ["0", "z", "_", " "] where String(characters[place]) != other {
                    var changed = characters
                    changed[place] = Character(other)
                    await expectForged(String(changed))
                }
            }
            for place in 0..<(characters.count - 1) where characters[place] != characters[place + 1] {
                var changed = characters
                changed.swapAt(place, place + 1)
                await expectForged(String(changed))
            }
            await expectForged(String(characters.dropLast()))
            await expectForged(acme.keyText + "0")
            await expectForged(" " + acme.keyText)
        }

        @Test func theModeCannotBeSwapped() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let live = try await Tenant.make(database)
            let test = try await Tenant.make(database, mode: .test)
            await expectForged(live.keyText.replacing("zk_live_", with: "zk_test_"))
            await expectForged(test.keyText.replacing("zk_test_", with: "zk_live_"))
        }

        @Test func aKeyOfAnotherInstallationIsRefusedWithoutAQuery() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let other = try #require(ServiceSecret(hex: ServiceSecret.makeHex()))
            let elsewhere = KeyVerifier(ForbiddenSession(), epochs: EpochWatch(ForbiddenSession()), secret: other)
            await #expect(throws: KeyError.invalid) { try await elsewhere.verify(acme.keyText) }
        }

        private func expectForged(_ text: String) async {
            await #expect(throws: KeyError.invalid, "\(text)") { try await verifier.verify(text) }
        }
    }
}
