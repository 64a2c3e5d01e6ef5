import Postgres
import Testing
import TestSupport

@Suite(.timeLimit(.minutes(5))) struct ListenerTests {
    private enum Event: Sendable, Equatable {
        case established
        case received(String, String)
    }

    @Test func hearsItsChannelsAndComesBackAfterItsSessionEnds() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        let listener = Listener(database.address, channels: ["one", "two_b"])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await listener.run(
                    established: { continuation.yield(.established) },
                    received: { continuation.yield(.received($0.channel, $0.payload)) })
                continuation.finish()
            }
            var iterator = events.makeAsyncIterator()
            #expect(await iterator.next() == .established)
            try await database.rows("notify three, 'not mine'")
            try await database.rows("notify one, 'a \u{1f431}'")
            #expect(await iterator.next() == .received("one", "a \u{1f431}"))
            try await database.rows("begin; notify two_b; notify one, 'x'; notify one, 'y'; commit")
            #expect(await iterator.next() == .received("two_b", ""))
            #expect(await iterator.next() == .received("one", "x"))
            #expect(await iterator.next() == .received("one", "y"))

            #expect(try await database.terminateSessions(where: "query like 'listen %'") == 1)
            #expect(await iterator.next() == .established)
            try await database.rows("notify one, 'again'")
            #expect(await iterator.next() == .received("one", "again"))

            group.cancelAll()
            #expect(await iterator.next() == nil, "cancelling ends it")
        }
    }

    @Test func rolledBackNotificationIsNotHeard() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        let listener = Listener(database.address, channels: ["one"])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await listener.run(
                    established: { continuation.yield(.established) },
                    received: { continuation.yield(.received($0.channel, $0.payload)) })
            }
            var iterator = events.makeAsyncIterator()
            #expect(await iterator.next() == .established)
            try await database.rows("begin; notify one, 'undone'; rollback")
            try await database.rows("notify one, 'done'")
            #expect(await iterator.next() == .received("one", "done"))
            group.cancelAll()
        }
    }
}
