import Domain
import HTTPTypes
import Keys
import TestSupport
import Testing

/// A key does what it may, and an answer to what it may not says what is missing.
@Suite(.timeLimit(.minutes(5))) struct KeyRightTests {
    private static let body = #"{"model":"z-image-turbo","prompt":"a cat","size":"376x376"}"#

    @Test func eachRouteNeedsItsRight() async throws {
        try await withAPI { api in
            let acme = try await Tenant.make(api.database)
            let id = try await api.submitted(acme.keyText)
            for rights in ["read", "generate", "admin", "generate,read"] {
                let key = try await Tenant.make(api.database)
                try await api.database.rows("update api_keys set scopes = '{\(rights)}' where id = \(key.keyID)")
                let before = try await api.state()
                let replies: [(String, Reply)] = [
                    ("read", try await api.send(.get, "/v1/tasks/\(id)", key: key.keyText)),
                    ("read", try await api.send(.get, "/v1/credits", key: key.keyText)),
                    ("read", try await api.send(.get, "/v1/credits/history", key: key.keyText)),
                    ("read", try await api.send(.get, "/v1/tasks", key: key.keyText)),
                    ("read", try await api.send(.get, "/v1/models", key: key.keyText)),
                    (
                        "read",
                        try await api.send(
                            .post, "/v1/tasks/batch", key: key.keyText, body: Array(#"{"task_ids":["\#(id)"]}"#.utf8))
                    ),
                    ("generate", try await api.send(.post, "/v1/tasks/abc/cancel", key: key.keyText)),
                    ("generate", try await api.submit("{}", key: key.keyText)),
                    ("generate", try await api.send(.post, "/v1/credits/redeem", key: key.keyText, body: [])),
                ]
                for (right, reply) in replies {
                    guard !rights.contains(right) else {
                        #expect(reply.status == (right == "read" ? 200 : 400), "\(rights) at \(right): \(reply.text)")
                        continue
                    }
                    #expect(reply.status == 403, "\(rights) at \(right): \(reply.text)")
                    let error = try reply.error()
                    #expect(error["type"] as? String == "permission_error" && error["code"] as? String == "key_scope_missing")
                    #expect(error["missing_scope"] as? String == right)
                    #expect((error["message"] as? String)?.contains("'\(right)'") == true)
                }
                #expect(try await api.state() == before)
            }
        }
    }

    /// Requests of the test have no connection, so nobody can say where they come from; `SystemTests` has real ones.
    @Test func aKeyThatIsTiedToAddressesIsRefusedWhereNobodyKnowsTheAddress() async throws {
        try await withAPI { api in
            let acme = try await Tenant.make(api.database)
            try await api.database.rows("update api_keys set ips = '{0.0.0.0/0,::/0}'")
            let reply = try await api.send(
                .post, APIFixture.submitPath, key: acme.keyText, body: Array(Self.body.utf8),
                headers: ["X-Forwarded-For": "10.0.0.1"])
            #expect(reply.status == 403)
            #expect(try reply.error()["code"] as? String == "key_address_not_allowed")
            #expect(try await api.database.number("select count(*) from tasks") == 0)
        }
    }
}
