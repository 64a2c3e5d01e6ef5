import Domain
import Foundation
import HTTPTypes
import Images
import Queue
import TestSupport
import Testing

// apis.md 3.5: the list and the batch of tasks.
@Suite(.timeLimit(.minutes(5))) struct TaskListTests {
    private func ids(_ reply: Reply) throws -> [String] {
        #expect(reply.status == 200, "\(reply.text)")
        let data = try #require(try reply.json()["data"] as? [[String: Any]])
        return data.map { $0["id"] as? String ?? "" }
    }

    private func list(_ query: String, _ tenant: Tenant, _ api: APIFixture) async throws -> Reply {
        try await api.send(.get, "/v1/tasks\(query)", key: tenant.keyText)
    }

    private func batch(_ ids: [String], _ tenant: Tenant, _ api: APIFixture) async throws -> Reply {
        let body = JSON.object([("task_ids", .array(ids.map(JSON.string)))]).bytes
        return try await api.send(.post, "/v1/tasks/batch", key: tenant.keyText, body: body)
    }

    @Test func aListShowsTasksTheNewestFirst() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            #expect(
                try await list("", tenant, api).text == #"{"data":[],"total":0,"page":1,"page_size":20,"next_before":null}"#)
            let done = try await api.submitted(tenant.keyText)
            try await api.finish { lease in
                let path = ImagePath(atSeconds: api.clock.now, lease: lease.value, index: 0, format: .webp)
                return .completed(images: [
                    TaskImage(path: path.text, format: .webp, size: ImageSize(width: 376, height: 376), bytes: 3)
                ])
            }
            let waiting = try await api.submitted(tenant.keyText)
            let seconds = try await api.database.rows(
                "select round(extract(epoch from finished_at - started_at), 3)::float8 from tasks where started_at is not null")
            let duration = try #require(seconds[0][0].flatMap { Double($0) })
            let created = [done, waiting].map { $0.split(separator: "-")[2] }
            #expect(
                try await list("", tenant, api).text
                    == #"{"data":[{"id":"\#(waiting)","model":"z-image-turbo","type":"image","status":"pending","progress":0,"#
                    + #""created_at":\#(created[1]),"duration":null,"has_results":false,"result_count":0,"has_error":false,"#
                    + #""credits_used":0},{"id":"\#(done)","model":"z-image-turbo","type":"image","status":"completed","#
                    + #""progress":100,"created_at":\#(created[0]),"duration":\#(duration),"has_results":true,"#
                    + #""result_count":1,"has_error":false,"credits_used":0.026}],"#
                    + #""total":2,"page":1,"page_size":20,"next_before":null}"#)
        }
    }

    @Test func aListIsNarrowedAndTurnsPages() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            var all: [String] = []
            for _ in 0..<7 { all.insert(try await api.submitted(tenant.keyText), at: 0) }
            try await api.finish { _ in .failed(code: "service_error", message: "no") }
            #expect(try await api.send(.post, "/v1/tasks/\(all[0])/cancel", key: tenant.keyText).status == 200)

            #expect(try ids(try await list("", tenant, api)) == all)
            #expect(try ids(try await list("?status=failed", tenant, api)) == [all[6]])
            #expect(try ids(try await list("?status=cancelled&model=z-image-turbo&type=image", tenant, api)) == [all[0]])
            #expect(try ids(try await list("?status=pending", tenant, api)) == Array(all[1...5]))
            #expect(try ids(try await list("?status=completed", tenant, api)) == [])
            #expect(try ids(try await list("?model=other", tenant, api)) == [])
            #expect(try ids(try await list("?type=video", tenant, api)) == [])

            let second = try await list("?page=2&page_size=3", tenant, api)
            #expect(try ids(second) == Array(all[3...5]))
            let members = try second.json()
            #expect([members["total"], members["page"], members["page_size"]].map { $0 as? Int } == [7, 2, 3])
            #expect(members["next_before"] as? String == all[5])
            let last = try await list("?page=3&page_size=3", tenant, api)
            #expect(try ids(last) == [all[6]])
            #expect(try last.json()["next_before"] is NSNull)
            #expect(try ids(try await list("?page=4&page_size=3", tenant, api)) == [])
            // The cursor goes through all of them, whatever is new meanwhile.
            var seen: [String] = []
            var before: String?
            repeat {
                let page = try await list("?page_size=3" + (before.map { "&before=\($0)" } ?? ""), tenant, api)
                seen += try ids(page)
                before = try page.json()["next_before"] as? String
                _ = try await api.submitted(tenant.keyText)
            } while before != nil
            #expect(seen == all)
        }
    }

    @Test func wrongListsAndBatchesAreRefused() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            let before = try await api.state()
            let lists = [
                ("status", "done"), ("status", ""), ("status", "PENDING"), ("type", "images"), ("page", "0"), ("page", "x"),
                ("page", "501"), ("page", "-1"), ("page", "99999999999999999999"), ("page_size", "0"), ("page_size", "101"),
                ("model", ""), ("model", String(repeating: "m", count: 129)), ("model", "a%00"), ("before", "abc"),
                ("before", "task-unified-1-AAAAAAAA"), ("before", ""),
            ]
            for (param, value) in lists {
                let reply = try await list("?\(param)=\(value)", tenant, api)
                #expect(reply.status == 400, "\(param)=\(value)")
                #expect(try reply.error()["param"] as? String == param, "\(reply.text)")
            }
            #expect(try await list("?page=101&page_size=100", tenant, api).status == 400)
            #expect(try await list("?page=100&page_size=100", tenant, api).status == 200)
            let bodies = [
                #"{}"#, #"{"task_ids":[]}"#, #"{"task_ids":"\#(id)"}"#, #"{"task_ids":[1]}"#, #"{"task_ids":null}"#,
                JSON.object([("task_ids", .array(Array(repeating: .string(id), count: 51)))]).text,
            ]
            for body in bodies {
                let reply = try await api.send(.post, "/v1/tasks/batch", key: tenant.keyText, body: Array(body.utf8))
                #expect(reply.status == 400, "\(body)")
                #expect(try reply.error()["param"] as? String == "task_ids", "\(reply.text)")
            }
            for body in ["", "[", "[]", "null"] {
                let reply = try await api.send(.post, "/v1/tasks/batch", key: tenant.keyText, body: Array(body.utf8))
                #expect(reply.status == 400 && reply.header("X-Request-Id") != nil, "\(body)")
            }
            let long = JSON.object([("task_ids", .array([.string(String(repeating: "x", count: 70_000))]))]).bytes
            #expect(try await api.send(.post, "/v1/tasks/batch", key: tenant.keyText, body: long).status == 413)
            #expect(try await api.send(.get, "/v1/tasks").status == 401)
            #expect(try await api.send(.post, "/v1/tasks/batch", body: Array(bodies[0].utf8)).status == 401)
            #expect(try await api.state() == before)
        }
    }

    @Test func aBatchAnswersTheTasksThatThereAre() async throws {
        try await withAPI { api in
            let mine = try await Tenant.make(api.database)
            let test = try await Tenant.make(api.database, mode: .test)
            let other = try await Tenant.make(api.database, name: "other")
            let first = try await api.submitted(mine.keyText)
            let second = try await api.submitted(mine.keyText)
            let foreign = try await api.submitted(other.keyText)
            let played = try await api.submitted(test.keyText)
            let wanted = [
                second, foreign, "abc", "", "task-unified-1757165031-uyujaw3d", played, first, second,
                "task-unified-1-\(first.suffix(8))",
            ]
            let reply = try await batch(wanted, mine, api)
            let queries = try await [
                api.send(.get, "/v1/tasks/\(second)", key: mine.keyText),
                api.send(.get, "/v1/tasks/\(first)", key: mine.keyText),
            ]
            #expect(reply.status == 200)
            #expect(reply.text == #"{"data":[\#(queries[0].text),\#(queries[1].text)]}"#)
            #expect(try ids(try await batch([foreign, played], mine, api)) == [])
            #expect(try ids(try await batch(Array(repeating: first, count: 50), mine, api)) == [first])
        }
    }

    @Test func aListShowsNobodyElsesTasks() async throws {
        try await withAPI { api in
            let mine = try await Tenant.make(api.database)
            let test = try await Tenant.make(api.database, mode: .test)
            let other = try await Tenant.make(api.database, name: "other")
            let id = try await api.submitted(mine.keyText)
            let played = try await api.submitted(test.keyText)
            let foreign = try await api.submitted(other.keyText)
            #expect(try ids(try await list("", mine, api)) == [id])
            #expect(try ids(try await list("", test, api)) == [played])
            #expect(try ids(try await list("", other, api)) == [foreign])
            #expect(try ids(try await list("?before=\(foreign)", mine, api)) == [id], "a cursor is a place, not a task")
        }
    }
}
