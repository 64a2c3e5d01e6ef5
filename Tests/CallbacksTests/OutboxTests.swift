import Callbacks
import Domain
import Postgres
import TestSupport
import Testing

/// The outbox on a real database. The callbacks of these tests belong to tasks that nobody asks for.
@Suite(.serialized, .timeLimit(.minutes(5))) struct OutboxTests {
    private let outbox = Outbox()

    /// Writes down callbacks of an account that are due, the oldest first.
    private func due(_ database: TestDatabase, account: Int, count: Int) async throws {
        try await database.rows(
            """
            insert into callbacks (task_id, account_id, url, next_at)
            select \(account) * 1000000::bigint + n, \(account), 'https://example.com/', now() - interval '1 day' + n * interval '1 ms'
            from generate_series(1, \(count)) n
            """)
    }

    private func take(
        _ database: TestDatabase, _ count: Int = 100, after place: Int64 = 0
    ) async throws -> TakenCallbacks {
        try await outbox.take(count, after: place, forSeconds: 600, in: database.pool)
    }

    private func record(_ database: TestDatabase, _ callback: DueCallback, _ outcome: DeliveryOutcome) async throws {
        try await outbox.record(outcome, of: callback, milliseconds: 7, jitter: 0.5, in: database.pool)
    }

    private func state(_ database: TestDatabase) async throws -> [String?] {
        try await database.rows(
            """
            select state, attempts, taken, deliveries, last_status, last_error,
                case when state = 'waiting' then round(extract(epoch from next_at - now())) end from callbacks
            """)[0]
    }

    @Test func ofOneAccountOnlyAFewAreUnderWay() async throws {
        let database = try await TestDatabase.fresh()
        try await due(database, account: 1, count: 20)
        try await due(database, account: 2, count: 1)
        let first = try await take(database)
        #expect(first.callbacks.map(\.taskID.value) == [1_000_001, 1_000_002, 1_000_003, 1_000_004, 2_000_001])
        #expect(first.place == 0, "all accounts were visited")
        #expect(try await take(database).callbacks.isEmpty)
        try await record(database, first.callbacks[0], .delivered(status: 204))
        try await record(database, first.callbacks[1], .failed(status: 500, reason: .refusedByServer))
        #expect(try await take(database).callbacks.map(\.taskID.value) == [1_000_005, 1_000_006], "their places are free")
        try await database.rows("update callbacks set next_at = now() where taken > 0")
        #expect(try await take(database).callbacks.count == 5, "nobody answered for them in time")
    }

    @Test func theLimitOfAnAccountHoldsForNodesThatTakeAtOnce() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 8)
        for account in 1...5 { try await due(database, account: account, count: 30) }
        let taken = try await withThrowingTaskGroup(of: [DueCallback].self) { group in
            for _ in 0..<24 { group.addTask { try await take(database).callbacks } }
            return try await group.reduce([], +)
        }
        #expect(taken.count == Set(taken.map(\.id)).count, "nobody takes what another has taken")
        let most = try await database.number(
            "select max(n) from (select count(*) n from callbacks where taken > 0 group by account_id) s")
        #expect(most == Int64(Outbox.perAccount))
        #expect(taken.count == 5 * Outbox.perAccount)
    }

    @Test func theTurnGoesOnAfterTheAccountThatWasServedLast() async throws {
        let database = try await TestDatabase.fresh()
        for account in 1...3 { try await due(database, account: account, count: 3) }
        let first = try await take(database, 4)
        #expect(first.callbacks.map { $0.taskID.value / 1_000_000 } == [1, 1, 1, 2] && first.place == 2)
        let second = try await take(database, 4, after: first.place)
        #expect(second.callbacks.map { $0.taskID.value / 1_000_000 } == [3, 3, 3] && second.place == 0)
        #expect(try await take(database, 4).callbacks.map { $0.taskID.value / 1_000_000 } == [2, 2])
    }

    /// A visit is bounded, and so is a claim: what one does not reach, the next ones do.
    @Test func manyAccountsAreVisitedInTurns() async throws {
        let database = try await TestDatabase.fresh()
        try await database.rows(
            "insert into callbacks (task_id, account_id, url) select n, n, 'https://example.com/' from generate_series(1, 600) n")
        var (place, ids, claims) = (Int64(0), Set<Int64>(), 0)
        repeat {
            let taken = try await take(database, 1000, after: place)
            ids.formUnion(taken.callbacks.map(\.id))
            place = taken.place
            claims += 1
        } while place != 0
        #expect(ids.count == 600 && claims == 3)
    }

    @Test func whatIsNotDueIsLeftAlone() async throws {
        let database = try await TestDatabase.fresh()
        #expect(try await take(database).callbacks.isEmpty)
        try await due(database, account: 1, count: 2)
        try await database.rows("update callbacks set next_at = now() + interval '1 hour'")
        #expect(try await take(database).callbacks.isEmpty)
        try await database.rows("update callbacks set next_at = now() where id = 2")
        #expect(try await take(database).callbacks.map(\.id) == [2])
    }

    private static let ends: [(DeliveryOutcome, [String?])] = [
        (.delivered(status: 204), ["delivered", "1", "0", "1", "204", nil, nil]),
        (.failed(status: 500, reason: .refusedByServer), ["waiting", "1", "0", "1", "500", "refused_by_server", "1"]),
        (.failed(status: nil, reason: .timedOut), ["waiting", "1", "0", "1", nil, "timed_out", "1"]),
        (.failed(status: 301, reason: .redirected), ["waiting", "1", "0", "1", "301", "redirected", "1"]),
        (.failed(status: 410, reason: .gone), ["given_up", "1", "0", "1", "410", "gone", nil]),
        (
            .failed(status: 429, reason: .refusedByServer, retryAfterSeconds: 1200),
            ["waiting", "1", "0", "1", "429", "refused_by_server", "1200"]
        ),
    ]

    @Test(arguments: ends)
    func eachEndIsRecordedWithALineInTheLog(outcome: DeliveryOutcome, expected: [String?]) async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        try await due(database, account: 1, count: 1)
        let callback = try #require(try await take(database).callbacks.first)
        #expect(callback.attempt == 1 && callback.headerID == "callback-1")
        try await record(database, callback, outcome)
        #expect(try await state(database) == expected)
        let log = try await CallbackBook().deliveries(of: callback.id, in: database.pool)
        #expect(log.count == 1 && log[0].number == 1 && log[0].milliseconds == 7)
        let line = [log[0].status.map { "\($0)" }, log[0].error]
        #expect(line == Array(expected[4...5]))
    }

    @Test func theLastTryGivesUpAndAnOperatorStartsAgain() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        try await due(database, account: 1, count: 1)
        for attempt in 1...DeliverySchedule.attemptsMax {
            let callback = try #require(try await take(database).callbacks.first)
            #expect(callback.attempt == attempt && callback.id == 1)
            try await record(database, callback, .failed(status: 500, reason: .refusedByServer))
            try await database.rows("update callbacks set next_at = now()")
        }
        let end = Array(try await state(database).prefix(2))
        #expect(end == ["given_up", "\(DeliverySchedule.attemptsMax)"])
        #expect(try await take(database).callbacks.isEmpty)
        for _ in 1...2 {
            #expect(try await CallbackBook().redeliver(1, in: database.pool))
            let again = try #require(try await take(database).callbacks.first)
            #expect(again.attempt == 1 && again.headerID == "callback-1")
            try await record(database, again, .delivered(status: 200))
        }
        let log = try await CallbackBook().deliveries(of: 1, in: database.pool)
        let numbers = Array((1...DeliverySchedule.attemptsMax + 2).reversed())
        #expect(log.map(\.number) == numbers)
        #expect(try await CallbackBook().redeliver(99, in: database.pool) == false)
    }

    /// A node that dies with a callback has not tried it; but one that takes down every node is not tried for ever.
    @Test func whatADyingNodeTookDoesNotCountButNotForEver() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        try await due(database, account: 1, count: 1)
        for _ in 1...Outbox.takesMax {
            let callback = try #require(try await take(database).callbacks.first)
            #expect(callback.attempt == 1 && !callback.isLost)
            try await database.rows("update callbacks set next_at = now()")
        }
        let callback = try #require(try await take(database).callbacks.first)
        #expect(callback.isLost)
        try await record(database, callback, .failed(status: nil, reason: .lost))
        #expect(try await state(database) == ["waiting", "1", "0", "1", nil, "lost", "1"])
    }

    @Test func aFailureThatComesLateIsNotTheOneThatIsUnderWay() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        func brief() async throws -> [String?] { Array(try await state(database).prefix(4)) }
        try await due(database, account: 1, count: 1)
        let slow = try #require(try await take(database).callbacks.first)
        try await database.rows("update callbacks set next_at = now()")
        let other = try #require(try await take(database).callbacks.first)
        try await record(database, slow, .failed(status: nil, reason: .timedOut))
        #expect(try await brief() == ["waiting", "0", "2", "0"])
        try await record(database, slow, .delivered(status: 200))
        #expect(try await brief() == ["delivered", "1", "0", "1"], "but delivered is delivered")
        try await record(database, other, .failed(status: nil, reason: .timedOut))
        #expect(try await brief() == ["delivered", "1", "0", "1"])
    }

    @Test func theLogIsKeptForThirtyDays() async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        try await database.rows(
            """
            insert into callback_deliveries (callback_id, number, at, duration_ms)
            select n, 1, now() - interval '30 days' + (n - 5999.5) * interval '1 minute', 1 from generate_series(1, 6010) n
            """)
        #expect(try await outbox.sweepDeliveries(in: database.pool) == 5000, "some at a time")
        #expect(try await outbox.sweepDeliveries(in: database.pool) == 999)
        #expect(try await outbox.sweepDeliveries(in: database.pool) == 0)
        #expect(try await database.number("select min(callback_id) from callback_deliveries") == 6000)
    }

    /// Pages that a claim looks at: with a backlog of 100,000 of one account hardly more than with a few, also where the
    /// planner has never heard of the table.
    @Test func aClaimCostsTheSameWhateverTheBacklog() async throws {
        let again = "update callbacks set taken = 0, next_at = now() where account_id <> 2 or taken > 0"
        /// What a session looks at that has made its plans; making them looks into the catalogs.
        func pages(_ session: Connection) async throws -> Int {
            var plan: [[String?]] = []
            for _ in 0..<2 {
                _ = try await session.runText(again)
                plan = try await session.runText(
                    "explain (analyze, buffers, timing off, format text) select * from claim_callbacks(100, 0, 4, 600)")
            }
            let line = try #require(plan.compactMap { $0[0] }.first { $0.contains("Buffers: shared") })
            return try #require(line.firstMatch(of: /hit=([0-9]+)/).flatMap { Int($0.1) })
        }
        for isAnalyzed in [false, true] {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let session = try await Connection.open(database.ownerAddress)
            for account in [1, 3] { try await due(database, account: account, count: 6) }
            let few = try await pages(session)
            try await due(database, account: 2, count: 100_000)
            if isAnalyzed { try await database.rows("analyze callbacks") }
            let many = try await pages(session)
            // One account more, and trees of two more levels.
            #expect(many < 3 * few + 100, "\(many) pages instead of \(few)")
            let taken = "select string_agg(n::text, ' ') from (select count(*) n from callbacks where taken > 0 group by account_id) s"
            #expect(try await database.rows(taken) == [["4 4 4"]])
        }
    }
}
