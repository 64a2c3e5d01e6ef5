import Domain
import Foundation
import HTTPTypes
import Keys
import Ledger
import Postgres
import TestSupport
import Testing

/// What customers see of their credits: balance, history, codes and caps.
@Suite(.timeLimit(.minutes(5))) struct CreditsTests {
    private static let cat = #"{"model":"z-image-turbo","prompt":"a cat"}"#

    private func quota(_ scope: QuotaScope, _ subject: String, daily: Int64, _ api: APIFixture) async throws {
        let plan = QuotaPlan(daily: Credits(micro: daily), monthly: nil, timeZone: "Asia/Tokyo")
        try await api.database.pool.transaction { try await Quotas().set(plan, scope, subject, in: $0) }
    }

    private func data(_ reply: Reply) throws -> [String: Any] {
        try #require(try reply.json()["data"] as? [String: Any], "\(reply.text)")
    }

    // apis.md 3.5: GET /v1/credits.
    @Test func theBalanceHasTheShapeThatClientsKnow() async throws {
        try await withAPI { api in
            let acme = try await Tenant.make(api.database)
            _ = try await api.submitted(acme.keyText)
            let reply = try await api.send(.get, "/v1/credits", key: acme.keyText)
            #expect(reply.status == 200)
            #expect(
                reply.text == #"{"data":{"token":{"remaining_credits":0.974,"used_credits":0,"unlimited_credits":true},"#
                    + #""user":{"remaining_credits":0.974,"used_credits":0,"reserved_credits":0.026,"expired_credits":0,"#
                    + #""expiring":[]},"quotas":[]}}"#)
        }
    }

    @Test func datesAndCapsAreShownButNotTheGroups() async throws {
        try await withAPI { api in
            let acme = try await Tenant.make(api.database)
            _ = try await api.database.pool.transaction {
                try await CreditBook().grant(
                    Credits(micro: 500_000), account: "acme", mode: .live, expires: Date(timeIntervalSinceNow: 3600),
                    reason: "test", actor: "test", in: $0)
            }
            try await quota(.key, String(acme.keyID), daily: 100_000, api)
            try await quota(.group, "default", daily: 9_000_000, api)
            _ = try await api.submitted(acme.keyText)
            let data = try data(try await api.send(.get, "/v1/credits", key: acme.keyText))
            let token = try #require(data["token"] as? [String: Any])
            #expect(token["remaining_credits"] as? Double == 0.074 && token["used_credits"] as? Double == 0.026)
            #expect(token["unlimited_credits"] as? Bool == false)
            let quotas = try #require(data["quotas"] as? [[String: Any]])
            #expect(quotas.map { $0["scope"] as? String } == ["key"])
            #expect(quotas[0]["reset_timezone"] as? String == "Asia/Tokyo")
            let user = try #require(data["user"] as? [String: Any])
            let expiring = try #require(user["expiring"] as? [[String: Any]])
            #expect(expiring.map { $0["credits"] as? Double } == [0.474])
        }
    }

    @Test(arguments: [(QuotaScope.key, "token_daily_quota_exceeded"), (.account, "insufficient_user_quota")])
    func aCapIsA402ThatTellsWhichAndUntilWhen(scope: QuotaScope, code: String) async throws {
        try await withAPI { api in
            let acme = try await Tenant.make(api.database)
            try await quota(scope, scope == .key ? String(acme.keyID) : "acme", daily: 30_000, api)
            _ = try await api.submitted(acme.keyText)
            let before = try await api.state()
            let reply = try await api.submit(Self.cat, key: acme.keyText)
            #expect(reply.status == 402)
            let error = try reply.error()
            #expect(error["code"] as? String == code && error["type"] as? String == "insufficient_quota_error")
            #expect(error["daily_limit_credits"] as? Double == 0.03 && error["daily_used_credits"] as? Double == 0.026)
            #expect(error["remaining_credits"] as? Double == 0.004 && error["estimated_credits"] as? Double == 0.026)
            #expect(error["reset_timezone"] as? String == "Asia/Tokyo")
            #expect(error["limit_scope"] as? String == "\(scope.rawValue)_daily")
            let seconds = try #require(reply.header("Retry-After").flatMap { Int($0) })
            #expect((1...86_401).contains(seconds))
            #expect(try await api.state() == before)
        }
    }

    @Test func aRefusalUnderAKeyIsAnsweredAgainAsItWas() async throws {
        try await withAPI { api in
            let acme = try await Tenant.make(api.database, credits: "0.01")
            let first = try await api.submit(Self.cat, key: acme.keyText, idempotencyKey: "one")
            #expect(first.status == 402 && first.header("Idempotency-Replayed") == nil)
            try await api.database.rows("select grant_credits(\(acme.walletID), 1000000, null, 'test', 'test')")
            let second = try await api.submit(Self.cat, key: acme.keyText, idempotencyKey: "one")
            #expect(second.status == 402 && second.header("Idempotency-Replayed") == "true")
            #expect(first.textWithoutRequestID == second.textWithoutRequestID)
        }
    }

    @Test func aReplayIsTheFirstAnswerWhateverHoldsToday() async throws {
        try await withAPI { api in
            let acme = try await Tenant.make(api.database)
            let first = try await api.submit(Self.cat, key: acme.keyText, idempotencyKey: "one")
            try await api.database.makeGroup("other")
            try await api.database.setPrice(group: "other", rule: .perSecond, micro: 9, unitsMax: 9)
            try await api.database.rows(
                """
                update accounts set group_id = (select id from user_groups where name = 'other');
                update models set enabled = false
                """)
            let second = try await api.submit(Self.cat, key: acme.keyText, idempotencyKey: "one")
            #expect(second.header("Idempotency-Replayed") == "true")
            #expect(first.status == 200 && first.text == second.text)
        }
    }

    @Test func theHistoryHasEveryMovementAndPages() async throws {
        try await withAPI { api in
            let acme = try await Tenant.make(api.database)
            let id = try await api.submitted(acme.keyText)
            let other = try await Tenant.make(api.database, name: "other")
            let reply = try await api.send(.get, "/v1/credits/history", key: acme.keyText)
            let entries = try #require(try reply.json()["data"] as? [[String: Any]])
            #expect(entries.map { $0["kind"] as? String } == ["reserve", "grant"])
            #expect(entries[0]["task_id"] as? String == id && entries[1]["credits"] as? Double == 1)
            let last = try #require(entries[0]["id"] as? Int64)
            let older = try await api.send(.get, "/v1/credits/history?before=\(last)", key: acme.keyText)
            #expect((try older.json()["data"] as? [Any])?.count == 1)
            let theirs = try await api.send(.get, "/v1/credits/history", key: other.keyText)
            #expect((try theirs.json()["data"] as? [Any])?.count == 1)
            for wrong in ["x", "0", "-1"] {
                let refused = try await api.send(.get, "/v1/credits/history?before=\(wrong)", key: acme.keyText)
                #expect(refused.status == 400)
                #expect(try refused.error()["param"] as? String == "before")
            }
            #expect(try await api.send(.get, "/v1/credits", key: nil).status == 401)
        }
    }

    @Test func aCustomerRedeemsACodeOnce() async throws {
        try await withAPI { api in
            let acme = try await Tenant.make(api.database, credits: "0")
            let other = try await Tenant.make(api.database, name: "other")
            let test = try await Tenant.make(api.database, mode: .test)
            let codes = RedemptionCodes(key: Tenant.secret.key(for: .redemptionCode))
            let made = try await codes.make(
                CodePlan(amount: Credits(micro: 750_000)), reason: "spring", actor: "test", in: api.database.pool)
            let code = try #require(made?.code.text)
            func redeem(_ body: String, _ key: String) async throws -> Reply {
                try await api.send(.post, "/v1/credits/redeem", key: key, body: Array(body.utf8))
            }
            let body = #"{"code":"\#(code.lowercased())"}"#
            #expect(try await redeem(body, test.keyText).status == 403)
            let first = try await redeem(body, acme.keyText)
            #expect(first.status == 200 && first.text == #"{"credits":0.75,"expires_at":null}"#)
            let again = try await redeem(body, acme.keyText)
            #expect(again.text == first.text && again.header("Idempotency-Replayed") == "true")
            #expect(try await acme.credits(api.database) == [750_000, 0, 0])
            for wrong in [body, #"{"code":"ZC-00000-00000-00000-00000"}"#, #"{"code":"x"}"#, #"{"code":7}"#, "{}", "", "["] {
                let refused = try await redeem(wrong, other.keyText)
                #expect(refused.status == 400, "\(wrong)")
                #expect(try refused.error()["param"] as? String == "code", "\(wrong)")
            }
            #expect(try await other.credits(api.database) == [1_000_000, 0, 0])
        }
    }
}
