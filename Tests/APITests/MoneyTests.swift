import Domain
import Foundation
import HTTPTypes
import Queue
import TestSupport
import Testing

/// Credits, rate limits and idempotency keys, as a customer meets them.
@Suite(.timeLimit(.minutes(5))) struct MoneyTests {
    private static let body = #"{"model":"z-image-turbo","prompt":"a cat","size":"376x376"}"#

    // apis.md 3.3: 402 insufficient_quota_error, with the figures that clients know.
    @Test func aLackOfCreditComesWithFigures() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database, credits: "0.0259")
            let before = try await api.state()
            let reply = try await api.submit(Self.body, key: tenant.keyText)
            #expect(reply.status == 402)
            #expect(
                reply.textWithoutRequestID
                    == #"{"error":{"code":402,"message":"Insufficient quota","type":"insufficient_quota_error","#
                    + #""fallback_suggestion":"add credits to your account","estimated_credits":0.026,"#
                    + #""account_balance_credits":0.0259,"request_id":"REQUEST"}}"#)
            #expect(try await api.state() == before)
        }
    }

    @Test func concurrentSubmitsSpendWhatThereIsAndNoMore() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database, credits: "0.26")
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<30 { group.addTask { try await api.submit(Self.body, key: tenant.keyText).status } }
                return try await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == 200 }.count == 10)
            #expect(statuses.filter { $0 == 402 }.count == 20)
            #expect(try await tenant.credits(api.database) == [0, 260_000, 0])
            #expect(try await ledgerDrift(api.database) == [])
        }
    }

    /// Reads, wrong submits, unknown tasks and missing rights: each says where the key stands, and uses nothing up.
    @Test func everyAnswerToAKeyWithALimitSaysWhereItStands() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database, requestsPerMinute: 1, burst: 3)
            let key = tenant.keyText
            let fresh = try await api.send(.get, "/v1/credits", key: key)
            #expect(fresh.header("ratelimit") == #""key";r=3"#, "nothing comes back where nothing is used up")
            let id = try #require(try await api.submit(Self.body, key: key).json()["id"] as? String)
            let replies = [
                try await api.send(.get, "/v1/tasks/\(id)", key: key), try await api.send(.get, "/v1/tasks/x", key: key),
                try await api.submit("{}", key: key), try await api.send(.get, "/v1/credits", key: key),
            ]
            #expect(replies.map(\.status) == [200, 400, 400, 200])
            for reply in replies {
                #expect(reply.header("ratelimit")?.hasPrefix(#""key";r=2;t="#) == true, "\(reply.headers)")
                #expect(reply.header("ratelimit-policy") == #""key";q=3;w=180"#)
            }
            // The strictest of several is told, also where it is the account's.
            try await api.database.limit(.account, "acme", rpm: 1, burst: 1)
            let stricter = try await api.send(.get, "/v1/credits", key: try await Tenant.make(api.database).keyText)
            #expect(stricter.header("ratelimit") == #""account";r=1"#)
            let free = try await Tenant.make(api.database, name: "free")
            #expect(try await api.send(.get, "/v1/credits", key: free.keyText).header("ratelimit") == nil)
            #expect(try await api.send(.get, "/healthz").header("ratelimit") == nil)
        }
    }

    @Test func tooManyWaitingTasksNameTheLimit() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            try await api.database.limit(.key, String(tenant.keyID), model: "z-image-turbo", pending: 1)
            #expect(try await api.submit(Self.body, key: tenant.keyText).status == 200)
            let before = try await api.state()
            let refused = try await api.submit(Self.body, key: tenant.keyText, idempotencyKey: "again")
            #expect(refused.status == 429 && refused.header("retry-after") != nil)
            #expect(try refused.error()["limit_scope"] as? String == "key-model")
            #expect(try await api.state() == before)
        }
    }

    // apis.md 3.3: 429 rate_limit_error, Retry-After.
    @Test func aRateLimitTellsWhereTheCallerStands() async throws {
        try await withAPI { api in
            // One request a minute and two at once, so that no slow machine sees a third go through.
            let tenant = try await Tenant.make(api.database, requestsPerMinute: 1, burst: 2)
            let first = try await api.submit(Self.body, key: tenant.keyText)
            let second = try await api.submit(Self.body, key: tenant.keyText)
            #expect(first.status == 200 && second.status == 200)
            #expect(first.header("ratelimit") == #""key";r=1;t=60"#)
            #expect(second.header("ratelimit")?.hasPrefix(#""key";r=0;t="#) == true)
            #expect(second.header("ratelimit-policy") == #""key";q=2;w=120"#)
            let before = try await api.state()
            let third = try await api.submit(Self.body, key: tenant.keyText)
            #expect(third.status == 429)
            let seconds = try #require(third.header("retry-after").flatMap { Int($0) })
            #expect((1...60).contains(seconds))
            #expect(third.header("ratelimit") == #""key";r=0;t=\#(seconds)"#, "the two say the same")
            #expect(third.header("ratelimit-policy") == #""key";q=2;w=120"#)
            #expect(
                third.textWithoutRequestID
                    == #"{"error":{"code":429,"message":"Rate limit exceeded","type":"rate_limit_error","#
                    + #""fallback_suggestion":"retry after \#(seconds) seconds","limit_scope":"key","request_id":"REQUEST"}}"#)
            #expect(try await api.state() == before)
        }
    }

    @Test func tooManyWaitingTasksAreRefused() async throws {
        try await withAPI { api in
            try await api.database.rows("update user_groups set max_pending = 1")
            let tenant = try await Tenant.make(api.database)
            #expect(try await api.submit(Self.body, key: tenant.keyText).status == 200)
            let before = try await api.state()
            let reply = try await api.submit(Self.body, key: tenant.keyText)
            #expect(reply.status == 429)
            #expect(reply.header("retry-after") == "5")
            #expect(try reply.error()["type"] as? String == "rate_limit_error")
            #expect(try await api.state() == before)
        }
    }

    // apis.md 3.1: Idempotency-Key, answered again with Idempotency-Replayed: true.
    @Test func aRepeatedKeyGetsTheSameBytes() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let first = try await api.submit(Self.body, key: tenant.keyText, idempotencyKey: "order-1")
            #expect(first.status == 200 && first.header("idempotency-replayed") == nil)
            let state = try await api.state()
            let second = try await api.submit(Self.body, key: tenant.keyText, idempotencyKey: "order-1")
            #expect(second.status == 200 && second.bytes == first.bytes)
            #expect(second.header("idempotency-replayed") == "true")
            #expect(try await api.state() == state)
            // Also when the task has ended since: the answer to a submit never changes.
            try await api.finish { _ in .failed(code: "service_error", message: "no") }
            let third = try await api.submit(Self.body, key: tenant.keyText, idempotencyKey: "order-1")
            #expect(third.bytes == first.bytes)
            #expect(try await api.database.number("select count(*) from tasks") == 1)
        }
    }

    @Test func concurrentRepeatsMakeOneTask() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
                for _ in 0..<20 {
                    group.addTask { try await api.submit(Self.body, key: tenant.keyText, idempotencyKey: "once") }
                }
                return try await group.reduce(into: [Reply]()) { $0.append($1) }
            }
            #expect(Set(replies.map(\.text)).count == 1)
            #expect(replies.filter { $0.header("idempotency-replayed") == nil }.count == 1)
            #expect(try await tenant.credits(api.database) == [974_000, 26_000, 0])
            #expect(try await ledgerDrift(api.database) == [])
        }
    }

    // apis.md 3.1: idempotency_conflict.
    @Test func aKeyForAnotherRequestIsAConflict() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let other = try await Tenant.make(api.database, name: "other")
            _ = try await api.submit(Self.body, key: tenant.keyText, idempotencyKey: "order-1")
            let state = try await api.state()
            let changed = Self.body.replacing("a cat", with: "a dog")
            let reply = try await api.submit(changed, key: tenant.keyText, idempotencyKey: "order-1")
            #expect(reply.status == 422)
            #expect(
                reply.textWithoutRequestID
                    == #"{"error":{"code":"idempotency_conflict","message":"This Idempotency-Key was used for another "#
                    + #"request.","type":"invalid_request_error","param":"Idempotency-Key","#
                    + #""fallback_suggestion":"use a new key for a new request","request_id":"REQUEST"}}"#)
            #expect(try await api.state() == state)
            // Spaces and the order of members are not the request.
            let respelt = #"{ "size":"376x376", "prompt":"a cat", "unknown":1, "model":"z-image-turbo" }"#
            #expect(try await api.submit(respelt, key: tenant.keyText, idempotencyKey: "order-1").status == 200)
            // Another account's keys are its own.
            let foreign = try await api.submit(changed, key: other.keyText, idempotencyKey: "order-1")
            #expect(foreign.status == 200 && foreign.header("idempotency-replayed") == nil)
        }
    }

    @Test func aTestKeyPaysWithTestCreditsOnly() async throws {
        try await withAPI { api in
            let live = try await Tenant.make(api.database, credits: "0")
            let test = try await Tenant.make(api.database, mode: .test)
            let id = try await api.submitted(test.keyText)
            #expect(try await live.credits(api.database) == [0, 0, 0])
            #expect(try await test.credits(api.database) == [999_974_000, 26_000, 0])
            #expect(try await api.submit(Self.body, key: live.keyText).status == 402, "live has nothing")
            #expect(try await api.send(.get, "/v1/tasks/\(id)", key: test.keyText).status == 200)
            #expect(try await api.send(.get, "/v1/tasks/\(id)", key: live.keyText).status == 404)
        }
    }
}
