import Domain
import Foundation
import HTTPTypes
import Providers
import Queue
import TestSupport
import Testing

/// `POST /v1/tasks/{id}/cancel`, and that `can_cancel` never promises what it does not keep.
@Suite(.timeLimit(.minutes(5))) struct TaskCancelTests {
    private static let queue = TaskQueue(leaseSeconds: 60)

    private func cancel(_ id: String, _ key: String?, _ api: APIFixture) async throws -> Reply {
        try await api.send(.post, "/v1/tasks/\(id)/cancel", key: key)
    }

    private func canCancel(_ reply: Reply) throws -> Bool? {
        (try reply.json()["task_info"] as? [String: Any])?["can_cancel"] as? Bool
    }

    private func query(_ id: String, _ tenant: Tenant, _ api: APIFixture) async throws -> Reply {
        try await api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText)
    }

    // apis.md 3.2: the fifth status, cancelled; 3.5: there was no route although can_cancel exists.
    @Test func aWaitingTaskIsCancelledAtOnceAndRefunded() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let body = #"{"model":"z-image-turbo","prompt":"a cat","callback_url":"https://example.com/x"}"#
            let submitted = try await api.submit(body, key: tenant.keyText)
            #expect(try canCancel(submitted) == true)
            let id = try #require(try submitted.json()["id"] as? String)
            let reply = try await cancel(id, tenant.keyText, api)
            #expect(reply.status == 200)
            #expect(
                reply.text
                    == #"{"created":\#(id.split(separator: "-")[2]),"id":"\#(id)","model":"z-image-turbo","#
                    + #""object":"image.generation.task","progress":0,"status":"cancelled","#
                    + #""error":{"code":"task_cancelled","message":"The task was cancelled; you were not charged."},"#
                    + #""task_info":{"can_cancel":false,"estimated_time":0},"type":"image","#
                    + #""usage":{"billing_rule":"per_call","credits_reserved":0.026,"credits_used":0,"#
                    + #""user_group":"default"}}"#)
            #expect(try await query(id, tenant, api).bytes == reply.bytes)
            #expect(try await tenant.credits(api.database) == [1_000_000, 0, 0])
            // apis.md 3.4: a callback when the task was cancelled.
            #expect(try await api.database.rows("select url from callbacks") == [["https://example.com/x"]])
            #expect(try await Self.queue.claim(node: "n", limit: 9, afterWallet: 0, in: api.database.pool).isEmpty)
            let before = try await api.state()
            let again = try await cancel(id, tenant.keyText, api)
            #expect(again.status == 200 && again.bytes == reply.bytes)
            #expect(try await api.state() == before)
            #expect(try await ledgerDrift(api.database) == [])
        }
    }

    @Test func aRunningTaskIsCancelledWhereItsProviderCanStop() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            let claimed = try await Self.queue.claim(node: "n", limit: 1, afterWallet: 0, in: api.database.pool)
            // A provider that cannot stop has the job.
            let lease = try #require(claimed.first?.lease)
            try await api.database.rows(
                "insert into providers (name, kind, base_url) values ('far', 'novita', 'https://example.com')")
            let verdict = try await SubmitBook().begin(
                lease: lease.value, picture: 0, provider: 1, canCancel: false, cost: nil, in: api.database.pool)
            guard case .begun(let submit) = verdict else { throw TestFailure("\(verdict)") }
            #expect(try canCancel(try await query(id, tenant, api)) == false)
            let before = try await api.state()
            let refused = try await cancel(id, tenant.keyText, api)
            #expect(refused.status == 409)
            let error = try refused.error()
            #expect(error["code"] as? String == "task_not_cancellable" && error["status"] as? String == "processing")
            #expect(try await api.state() == before)
            try await SubmitBook().record(submit, .refused, in: api.database.pool)
            #expect(try canCancel(try await query(id, tenant, api)) == true)
            let reply = try await cancel(id, tenant.keyText, api)
            #expect(reply.status == 200)
            #expect(try reply.json()["status"] as? String == "cancelled")
            #expect(try await tenant.credits(api.database) == [1_000_000, 0, 0])
            #expect(try await Self.queue.renew([lease: 50], in: api.database.pool).isEmpty, "the node learns of it")
            #expect(try await ledgerDrift(api.database) == [])
        }
    }

    @Test func whatHasEndedStays() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            for (word, outcome) in [
                ("completed", Ending.Outcome.completed(images: [])), ("failed", .failed(code: "service_error", message: "no")),
            ] {
                let id = try await api.submitted(tenant.keyText)
                try await api.finish { _ in outcome }
                #expect(try canCancel(try await query(id, tenant, api)) == false)
                let before = try await api.state()
                let reply = try await cancel(id, tenant.keyText, api)
                #expect(reply.status == 409)
                #expect(
                    reply.textWithoutRequestID
                        == #"{"error":{"code":"task_not_cancellable","message":"The task has \#(word) already: it cannot be "#
                        + #"cancelled.","type":"invalid_request_error","param":"task_id","#
                        + #""fallback_suggestion":"query the task for its result","status":"\#(word)","#
                        + #""request_id":"REQUEST"}}"#)
                #expect(try await api.state() == before)
            }
            #expect(try await ledgerDrift(api.database) == [])
        }
    }

    @Test func nobodyCancelsWhatIsNotTheirs() async throws {
        try await withAPI { api in
            let mine = try await Tenant.make(api.database)
            let test = try await Tenant.make(api.database, mode: .test)
            let other = try await Tenant.make(api.database, name: "other")
            let id = try await api.submitted(mine.keyText)
            let before = try await api.state()
            var texts: Set<String> = []
            for (text, key) in [
                (id, other.keyText), (id, test.keyText), ("task-unified-1757165031-uyujaw3d", mine.keyText),
                ("task-unified-1-\(id.suffix(8))", mine.keyText),
            ] {
                let reply = try await cancel(text, key, api)
                #expect(reply.status == 404)
                texts.insert(reply.textWithoutRequestID)
            }
            #expect(texts.count == 1, "nobody can tell a foreign task from none")
            #expect(try await cancel("abc", mine.keyText, api).status == 400)
            #expect(try await cancel(id, nil, api).status == 401)
            #expect(try await api.state() == before)
        }
    }

    /// Several cancels and the end of the work race for each task, and exactly one of them wins.
    @Test func cancelAndCloseRace() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            var ids: [String] = []
            for _ in 0..<16 { ids.append(try await api.submitted(tenant.keyText)) }
            let claimed = try await Self.queue.claim(node: "n", limit: 12, afterWallet: 0, in: api.database.pool)
            let statuses = try await withThrowingTaskGroup(of: (String, Int)?.self) { group in
                for task in claimed {
                    group.addTask {
                        let ending = Ending(lease: task.lease, outcome: .completed(images: []), units: 1, provider: "sandbox")
                        _ = try await Self.queue.close([ending], in: api.database.pool)
                        return nil
                    }
                }
                for id in ids {
                    for _ in 0..<3 { group.addTask { (id, try await cancel(id, tenant.keyText, api).status) } }
                }
                return try await group.reduce(into: [String: [Int]]()) { all, one in
                    if let one { all[one.0, default: []].append(one.1) }
                }
            }
            var completed = 0
            for id in ids {
                let state = try await query(id, tenant, api).json()["status"] as? String
                if state == "completed" { completed += 1 }
                #expect(statuses[id] == Array(repeating: state == "completed" ? 409 : 200, count: 3), "\(state ?? "")")
            }
            let paid = Int64(completed) * 26_000
            #expect(try await tenant.credits(api.database) == [1_000_000 - paid, 0, paid])
            #expect(try await api.database.number("select count(*) from entries where kind in ('settle', 'refund')") == 16)
            #expect(try await ledgerDrift(api.database) == [])
        }
    }
}
