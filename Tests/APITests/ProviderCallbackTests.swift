import HTTPTypes
import TestSupport
import Testing

/// Where providers call: no key, but an address that was made here, and nothing else counts.
@Suite(.timeLimit(.minutes(5))) struct ProviderCallbackTests {
    @Test func anAddressOfOursIsHeardWhateverComesWithIt() async throws {
        try await withAPI { api in
            for (index, body) in [nil, "", "{\"status\":\"completed\"}", "no JSON \u{0}"].enumerated() {
                let reply = try await api.send(.post, "/provider-callbacks/ours-\(index)", body: body.map { Array($0.utf8) })
                #expect(reply.status == 204 && reply.bytes.isEmpty)
            }
            #expect(api.providerCalls.tokens == (0..<4).map { "ours-\($0)" })
        }
    }

    @Test func anyOtherAddressIsNotThere() async throws {
        try await withAPI { api in
            for path in ["/theirs", "/theirs?a=ours", "/..%2Fours", "/" + String(repeating: "x", count: 8000)] {
                let reply = try await api.send(.post, "/provider-callbacks" + path, body: Array("{}".utf8))
                #expect(reply.status == 404, "\(path.prefix(40))")
                #expect(try reply.error()["type"] as? String == "not_found_error")
            }
            #expect(try await api.send(.get, "/provider-callbacks/ours").status == 404)
            #expect(try await api.send(.post, "/provider-callbacks").status == 404)
        }
    }

    @Test func aLargeBodyIsRefusedAndTheHintStays() async throws {
        try await withAPI { api in
            let large = [UInt8](repeating: 32, count: 65 * 1024)
            for (token, status) in [("ours", 413), ("theirs", 404)] {
                let reply = try await api.send(.post, "/provider-callbacks/\(token)", body: large)
                #expect(reply.status == status, "\(token)")
            }
            #expect(api.providerCalls.tokens == ["ours", "theirs"])
        }
    }
}
