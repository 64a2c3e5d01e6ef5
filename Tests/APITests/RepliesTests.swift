import Domain
import Foundation
import HTTPTypes
import Images
import Queue
import TestSupport
import Testing

/// Whole answers, byte for byte: clients parse them, and a replay must be the same bytes.
@Suite(.timeLimit(.minutes(5))) struct RepliesTests {
    // apis.md 3.1: the reply to a submit, and its example values.
    @Test func aSubmitAnswersTheTask() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let reply = try await api.submit(#"{"model":"z-image-turbo","prompt":"a cat","size":"1:1"}"#, key: tenant.keyText)
            let id = try #require(try reply.json()["id"] as? String)
            let created = try await api.database.number("select floor(extract(epoch from created_at))::bigint from tasks")
            #expect(id.wholeMatch(of: /task-unified-[0-9]+-[0-9a-z]{8}/) != nil)
            #expect(id.hasPrefix("task-unified-\(created)-"))
            #expect(
                reply.text
                    == #"{"created":\#(created),"id":"\#(id)","model":"z-image-turbo","object":"image.generation.task","#
                    + #""progress":0,"status":"pending","task_info":{"can_cancel":true,"estimated_time":10},"#
                    + #""type":"image","usage":{"billing_rule":"per_call","credits_reserved":0.026,"#
                    + #""user_group":"default"}}"#)
            #expect(reply.status == 200)
            #expect(reply.header("content-type") == "application/json")
            #expect(reply.header("cache-control") == "no-store")
            #expect(reply.header("idempotency-replayed") == nil)
            #expect(reply.header("ratelimit") == nil, "the group has no rate limit")
            #expect(try await tenant.credits(api.database) == [974_000, 26_000, 0])
            #expect(try await ledgerDrift(api.database) == [])
        }
    }

    // apis.md 3.2: the documented fields.
    @Test func aQueryAnswersAWaitingTask() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            let reply = try await api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText)
            #expect(reply.status == 200)
            #expect(
                reply.text
                    == #"{"created":\#(Self.created(id)),"id":"\#(id)","model":"z-image-turbo","#
                    + #""object":"image.generation.task","progress":0,"status":"pending","#
                    + #""task_info":{"can_cancel":true,"estimated_time":10},"type":"image","#
                    + #""usage":{"billing_rule":"per_call","credits_reserved":0.026,"user_group":"default"}}"#)
        }
    }

    // apis.md 3.2: results with links of 24 hours, credits_used.
    @Test func aQueryAnswersACompletedTaskWithALinkThatWorks() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            let bytes: [UInt8] = [1, 2, 3]
            let path = ImagePath(atSeconds: api.clock.now, lease: 1, index: 0, format: .webp)
            try await api.store.put(bytes, at: path)
            let size = ImageSize(width: 376, height: 376)
            try await api.finish { _ in
                .completed(images: [TaskImage(path: path.text, format: .webp, size: size, bytes: bytes.count)])
            }
            let reply = try await api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText)
            let finished = try await api.database.number("select floor(extract(epoch from finished_at))::bigint from tasks")
            let link = api.links.link(to: path, expiresSeconds: finished + 24 * 3600)
            #expect(
                reply.text
                    == #"{"created":\#(Self.created(id)),"id":"\#(id)","model":"z-image-turbo","#
                    + #""object":"image.generation.task","progress":100,"status":"completed","results":["\#(link)"],"#
                    + #""task_info":{"can_cancel":false,"estimated_time":0},"type":"image","#
                    + #""usage":{"billing_rule":"per_call","credits_reserved":0.026,"credits_used":0.026,"#
                    + #""user_group":"default"}}"#)
            let picture = try await api.send(.get, String(link.dropFirst("https://images.test".count)))
            #expect(picture.status == 200)
            #expect(picture.bytes == bytes)
            #expect(try await tenant.credits(api.database) == [974_000, 0, 26_000])
        }
    }

    // apis.md 3.2: the failed example, progress 0 and an error with a word as its code.
    @Test func aQueryAnswersAFailedTask() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            try await api.finish { _ in
                .failed(code: TaskFailure.policyViolation.rawValue, message: TaskFailure.policyViolation.message)
            }
            let reply = try await api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText)
            #expect(
                reply.text
                    == #"{"created":\#(Self.created(id)),"id":"\#(id)","model":"z-image-turbo","#
                    + #""object":"image.generation.task","progress":0,"status":"failed","#
                    + #""error":{"code":"content_policy_violation","message":"The request was refused by content "#
                    + #"moderation; you were not charged. Change the prompt."},"#
                    + #""task_info":{"can_cancel":false,"estimated_time":0},"type":"image","#
                    + #""usage":{"billing_rule":"per_call","credits_reserved":0.026,"credits_used":0,"#
                    + #""user_group":"default"}}"#)
            #expect(try await tenant.credits(api.database) == [1_000_000, 0, 0])
        }
    }

    @Test func healthAndReadiness() async throws {
        try await withAPI { api in
            let health = try await api.send(.get, "/healthz")
            #expect(health.status == 200 && health.text == #"{"status":"ok"}"#)
            let ready = try await api.send(.get, "/readyz")
            #expect(ready.status == 200 && ready.text == #"{"status":"ready"}"#)
            api.trouble.set("the disk is full")
            let sick = try await api.send(.get, "/readyz")
            #expect(sick.status == 503 && sick.text == #"{"status":"not ready","reason":"the disk is full"}"#)
            #expect(try await api.send(.get, "/healthz").status == 200, "alive all the same")
            let ids = [health, ready, sick].map { $0.header("X-Request-Id") ?? "" }
            #expect(Set(ids).count == 3 && !ids.contains(""))
        }
    }

    private static func created(_ id: String) -> String { String(id.split(separator: "-")[2]) }
}
