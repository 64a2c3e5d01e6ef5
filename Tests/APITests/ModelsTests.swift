import Domain
import Foundation
import HTTPTypes
import TestSupport
import Testing

/// `GET /v1/models`: what a key may use, with the prices in force.
@Suite(.timeLimit(.minutes(5))) struct ModelsTests {
    private func names(_ key: String, _ api: APIFixture) async throws -> [String] {
        let reply = try await api.send(.get, "/v1/models", key: key)
        #expect(reply.status == 200)
        let data = try #require(try reply.json()["data"] as? [[String: Any]])
        return data.map { $0["id"] as? String ?? "" }
    }

    @Test func aModelIsShownWithItsPrices() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            try await api.database.setPrice(tier: "large", rule: .perSecond, micro: 10_000, unitsMax: 6)
            func price(_ operation: String, _ tier: String, _ rest: String = #""per_call","credits":0.026,"credits_max":0.026"#) -> String {
                #"{"operation":"\#(operation)","size_tier":"\#(tier)","billing_rule":\#(rest)}"#
            }
            let prices = [
                price("generate", "standard"),
                price("generate", "large", #""per_second","credits":0.01,"credits_max":0.06"#),
                price("edit", "standard"), price("edit", "large"), price("inpaint", "standard"), price("inpaint", "large"),
            ]
            let model = #"{"id":"z-image-turbo","object":"model","created":0,"owned_by":"system","type":"image","#
                + #""estimated_time":10,"operations":["generate","edit","inpaint"],"prices":[\#(prices.joined(separator: ","))]}"#
            let all = try await api.send(.get, "/v1/models", key: tenant.keyText)
            #expect(all.text == #"{"object":"list","data":[\#(model)]}"#)
            #expect(try await api.send(.get, "/v1/models/z-image-turbo", key: tenant.keyText).text == model)
        }
    }

    @Test func onlyWhatTheKeyMayUseIsShown() async throws {
        try await withAPI { api in
            try await api.database.makeGroup("vip", setting: "models = '{z-image-turbo,family/other}'")
            try await api.database.rows(
                "insert into models (name, enabled) values ('family/other', true), ('unpriced', true), ('off', false)")
            for model in ["family/other", "off"] { try await api.database.setPrice(model: model, micro: 5) }
            let all = try await Tenant.make(api.database)
            let vip = try await Tenant.make(api.database, name: "vip", group: "vip")
            let narrow = try await Tenant.make(api.database, name: "vip", group: "vip")
            try await api.database.rows("update api_keys set models = '{family/other,off}' where id = \(narrow.keyID)")
            #expect(try await names(all.keyText, api) == ["family/other", "z-image-turbo"])
            #expect(try await names(vip.keyText, api) == ["family/other", "z-image-turbo"])
            #expect(try await names(narrow.keyText, api) == ["family/other"])
            let one = try await api.send(.get, "/v1/models/family/other", key: narrow.keyText)
            #expect(try one.json()["id"] as? String == "family/other")
            #expect(try one.json()["operations"] as? [String] == ["generate"])
            for name in ["z-image-turbo", "unpriced", "off", "nothing"] {
                let reply = try await api.send(.get, "/v1/models/\(name)", key: narrow.keyText)
                // apis.md 3.3: 404 not_found_error with the model as its param.
                #expect(reply.status == 404, "\(name)")
                #expect(try reply.error()["param"] as? String == "model" && reply.error()["type"] as? String == "not_found_error")
            }
            #expect(try await api.send(.get, "/v1/models").status == 401)
        }
    }
}
