import Domain
import Foundation
import HTTPTypes
import Keys
import Queue
import TestSupport
import Testing

/// Waiting for a task: the long poll and the stream of events.
@Suite(.timeLimit(.minutes(5))) struct TaskWaitTests {
    private static let stream = ["Accept": "text/html, text/event-stream;q=0.9"]

    /// The events of a stream, each with its name and data.
    private func events(_ reply: Reply) throws -> [(name: String, data: [String: Any])] {
        try reply.text.split(separator: "\n\n").filter { !$0.hasPrefix(":") }.map { block in
            let lines = block.split(separator: "\n")
            #expect(lines.count == 2 && lines[0].hasPrefix("event: ") && lines[1].hasPrefix("data: "), "\(block)")
            let data = try JSONSerialization.jsonObject(with: Data(lines[1].dropFirst(6).utf8)) as? [String: Any]
            return (String(lines[0].dropFirst(7)), try #require(data))
        }
    }

    @Test func aLongPollAnswersWhenTheTaskHasEnded() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            async let polls = [
                api.send(.get, "/v1/tasks/\(id)?wait=60", key: tenant.keyText),
                api.send(.get, "/v1/tasks/\(id)?wait=59", key: tenant.keyText),
            ]
            try await api.finish { _ in .completed(images: []) }
            let replies = try await polls
            let query = try await api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText)
            #expect(try query.json()["status"] as? String == "completed")
            #expect(replies.map(\.bytes) == [query.bytes, query.bytes])
            // One that has ended is answered at once.
            #expect(try await api.send(.get, "/v1/tasks/\(id)?wait=60", key: tenant.keyText).bytes == query.bytes)
        }
    }

    @Test func aLongPollAnswersAfterItsTimeAsTheTaskIsThen() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            for wait in [0, 1] {
                let reply = try await api.send(.get, "/v1/tasks/\(id)?wait=\(wait)", key: tenant.keyText)
                #expect(reply.status == 200)
                #expect(try reply.json()["status"] as? String == "pending")
            }
        }
    }

    @Test func aWaitIsZeroToSixtySeconds() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            let before = try await api.state()
            for wait in ["61", "-1", "x", "1.5", "", "%201", "99999999999999999999"] {
                let reply = try await api.send(.get, "/v1/tasks/\(id)?wait=\(wait)", key: tenant.keyText)
                #expect(reply.status == 400, "\(wait)")
                #expect(try reply.error()["param"] as? String == "wait")
            }
            #expect(try await api.state() == before)
        }
    }

    @Test func aStreamTellsEachChangeAndEndsWithTheTask() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            async let streamed = api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText, headers: Self.stream)
            try await api.finish { _ in .completed(images: []) }
            let reply = try await streamed
            #expect(reply.status == 200)
            #expect(reply.header("content-type") == "text/event-stream")
            #expect(reply.header("cache-control") == "no-store")
            #expect(reply.header("X-Request-Id") != nil)
            let events = try events(reply)
            #expect(events.last?.name == "completed" && events.dropLast().allSatisfy { $0.name == "progress" })
            #expect(events.allSatisfy { $0.data["id"] as? String == id })
            let query = try await api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText)
            #expect(reply.text.hasSuffix("event: completed\ndata: \(query.text)\n\n"))
        }
    }

    @Test(arguments: ["failed", "cancelled"]) func aStreamOfATaskThatHasEndedIsOneEvent(word: String) async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            if word == "cancelled" {
                #expect(try await api.send(.post, "/v1/tasks/\(id)/cancel", key: tenant.keyText).status == 200)
            } else {
                try await api.finish { _ in .failed(code: "service_error", message: "no") }
            }
            let reply = try await api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText, headers: Self.stream)
            let query = try await api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText)
            #expect(reply.text == "event: \(word)\ndata: \(query.text)\n\n")
        }
    }

    @Test func whoeverWaitsLearnsOfACancel() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            async let polled = api.send(.get, "/v1/tasks/\(id)?wait=60", key: tenant.keyText)
            async let streamed = api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText, headers: Self.stream)
            #expect(try await api.send(.post, "/v1/tasks/\(id)/cancel", key: tenant.keyText).status == 200)
            let poll = try await polled
            #expect(try poll.json()["status"] as? String == "cancelled")
            let stream = try await streamed
            #expect(try events(stream).last?.name == "cancelled")
        }
    }

    @Test func aKeyThatIsRevokedEndsItsStreamAndNoOther() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let leaked = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            async let other = api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText, headers: Self.stream)
            try await api.waiting(1)
            async let revoked = api.send(.get, "/v1/tasks/\(id)", key: leaked.keyText, headers: Self.stream)
            try await api.waiting(2)
            #expect(try await KeyIssuer.revoke(leaked.keyID, in: api.database.pool))
            // What a node does every second and with each notification.
            try await api.epochs.refresh()
            let ended = try await revoked
            let last = try #require(try events(ended).last)
            #expect(last.name == "error")
            #expect((last.data["error"] as? [String: Any])?["type"] as? String == "authentication_error", "\(ended.text)")
            try await api.finish { _ in .completed(images: []) }
            let text = try await other.text
            #expect(text.contains("event: completed\n"))
            // The other stream is older, so the revoked one did not last until it was time for a comment.
            #expect(!text.contains("\n: "), "\(text)")
        }
    }

    @Test func nobodyWaitsForWhatIsNotTheirs() async throws {
        try await withAPI { api in
            let mine = try await Tenant.make(api.database)
            let test = try await Tenant.make(api.database, mode: .test)
            let other = try await Tenant.make(api.database, name: "other")
            let id = try await api.submitted(mine.keyText)
            var texts: Set<String> = []
            for (text, key) in [
                (id, other.keyText), (id, test.keyText), ("task-unified-1757165031-uyujaw3d", mine.keyText),
            ] {
                for (path, headers) in [("/v1/tasks/\(text)?wait=60", [:]), ("/v1/tasks/\(text)", Self.stream)] {
                    let reply = try await api.send(.get, path, key: key, headers: headers)
                    #expect(reply.status == 404 && reply.header("content-type") == "application/json")
                    texts.insert(reply.textWithoutRequestID)
                }
            }
            #expect(texts.count == 1)
            for headers in [[:], Self.stream] {
                #expect(try await api.send(.get, "/v1/tasks/\(id)?wait=60", headers: headers).status == 401)
            }
        }
    }
}
