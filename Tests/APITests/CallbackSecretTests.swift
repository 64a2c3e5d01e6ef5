import Domain
import Foundation
import HTTPTypes
import Keys
import Postgres
import TestSupport
import Testing

/// `GET /v1/callback-secret`: customers read what verifies their callbacks.
@Suite(.timeLimit(.minutes(5))) struct CallbackSecretTests {
    private static let path = "/v1/callback-secret"

    private func secrets(_ api: APIFixture, _ key: String) async throws -> [[String: Any]] {
        let reply = try await api.send(.get, Self.path, key: key)
        #expect(reply.status == 200, "\(reply.text)")
        #expect(reply.header("cache-control") == "no-store" && reply.header("content-type") == "application/json")
        let json = try reply.json()
        #expect(json["object"] as? String == "callback_secret" && json.count == 2)
        return try #require(json["secrets"] as? [[String: Any]])
    }

    @Test func eachAccountSeesItsOwnWhateverTheKindOfKey() async throws {
        try await withAPI { api in
            let live = try await Tenant.make(api.database)
            let test = try await Tenant.make(api.database, mode: .test)
            let other = try await Tenant.make(api.database, name: "other")
            let before = try await api.state()
            let own = try await secrets(api, live.keyText)
            #expect(own.count == 1 && own[0].count == 2 && own[0]["ends_at"] is NSNull)
            let text = try #require(own[0]["secret"] as? String)
            #expect(text.wholeMatch(of: /whsec_[A-Za-z0-9+\/]{43}=/) != nil)
            let signing = try await CallbackSecrets(secret: Tenant.secret).current(of: live.accountID, in: api.database.pool)
            #expect(signing.map(\.text) == [text], "what signs the callbacks")
            for key in [live, test] { #expect(try await secrets(api, key.keyText)[0]["secret"] as? String == text) }
            let theirs = try await secrets(api, other.keyText)
            #expect(theirs.count == 1 && theirs[0]["secret"] as? String != text)
            #expect(try await api.state() == before)
        }
    }

    @Test func afterARotationTheNewestComesFirstAndTheOlderOneHasAnEnd() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let old = try await secrets(api, tenant.keyText)[0]["secret"] as? String
            try await api.database.pool.transaction { transaction in
                try await CallbackSecrets(secret: Tenant.secret).rotate(of: tenant.accountID, overlapSeconds: 3600, in: transaction)
            }
            let both = try await secrets(api, tenant.keyText)
            #expect(both.count == 2 && both[0]["ends_at"] is NSNull && both[0]["secret"] as? String != old)
            #expect(both[1]["secret"] as? String == old)
            let end = try await api.database.number(
                "select floor(extract(epoch from ends_at)) from callback_secrets where ends_at is not null")
            #expect(both[1]["ends_at"] as? Int64 == end)
        }
    }

    @Test func aKeyThatMayOnlyLookDoesNotSeeIt() async throws {
        try await withAPI { api in
            for (scopes, status) in [("read", 403), ("generate", 200), ("admin", 200), ("read,admin", 200), ("generate,read", 200)] {
                let key = try await Tenant.make(api.database)
                try await api.database.rows("update api_keys set scopes = '{\(scopes)}' where id = \(key.keyID)")
                let reply = try await api.send(.get, Self.path, key: key.keyText)
                #expect(reply.status == status, "\(scopes): \(reply.text)")
                guard status == 403 else { continue }
                let error = try reply.error()
                #expect(error["code"] as? String == "key_scope_missing" && error["missing_scope"] as? String == "generate")
                #expect(!reply.text.contains("whsec_"))
                #expect(try await api.database.number("select count(*) from callback_secrets") == 0, "a refusal makes none")
            }
            for key in [nil, "zk_live_nonsense"] {
                let reply = try await api.send(.get, Self.path, key: key)
                #expect(reply.status == 401)
                #expect(try reply.error()["type"] as? String == "authentication_error")
            }
            #expect(try await api.send(.post, Self.path, key: nil, body: []).status == 404)
        }
    }
}
