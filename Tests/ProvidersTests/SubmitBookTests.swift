import Domain
import Postgres
import Providers
import TestSupport
import Testing

/// The rules that the database keeps about submits, whatever a program does.
@Suite(.timeLimit(.minutes(5))) struct SubmitBookTests {
    private let book = SubmitBook()

    private func scene(_ columns: String = "max_running = null") async throws -> (TestDatabase, [Int64]) {
        let database = try await TestDatabase.fresh()
        let tenant = try await Tenant.make(database)
        let ids = try await database.admitted((0..<4).map { tenant.submission(prompt: "\($0)") })
        try await database.rows("insert into providers (name, kind, base_url) values ('far', 'novita', 'https://far.example')")
        try await database.rows("update providers set \(columns)")
        try await database.rows("select * from claim_tasks('n', 10, 0, 60)")
        var leases: [Int64] = []
        for id in ids { leases.append(try await database.number("select lease from leases where task_id = \(id.value)")) }
        return (database, leases)
    }

    private func begin(_ database: TestDatabase, _ lease: Int64, picture: Int = 0) async throws -> SubmitVerdict {
        try await book.begin(
            lease: lease, picture: picture, provider: 1, canCancel: false, cost: ProviderCost(micro: 1, currency: "USD"),
            in: database.pool)
    }

    @Test func ofSubmitsThatRaceForAPictureOneIsBegun() async throws {
        let (database, leases) = try await scene()
        let verdicts = try await withThrowingTaskGroup(of: SubmitVerdict.self) { group in
            for _ in 0..<8 { group.addTask { try await begin(database, leases[0]) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(verdicts.count { if case .begun = $0 { true } else { false } } == 1)
        #expect(verdicts.count { $0 == .taken } == 7)
        guard case .begun = try await begin(database, leases[0], picture: 1) else { throw TestFailure("another picture") }
    }

    @Test func whileASubmitMayBeBilledThereIsNoOther() async throws {
        let (database, leases) = try await scene()
        for (lease, state) in zip(leases, [SubmitState.unknown, .accepted, .made, .abandoned]) {
            guard case .begun(let id) = try await begin(database, lease) else { throw TestFailure("not begun") }
            try await book.record(id, state, in: database.pool)
            #expect(try await begin(database, lease) == .taken, "\(state)")
            // Nor past the function.
            await #expect(throws: PostgresError.self, "\(state)") {
                try await database.rows(
                    """
                    insert into provider_submits (task_id, picture, number, provider_id, reference, lease, node, can_cancel, deadline)
                    select task_id, picture, 2, provider_id, 'other', lease, node, false, now() from provider_submits where id = \(id)
                    """)
            }
        }
        await #expect(throws: PostgresError.self, "the service writes through functions alone") {
            try await database.pool.withConnection { try await $0.runText("update provider_submits set state = 'refused'") }
        }
    }

    @Test func aSubmitGoesForwardOnly() async throws {
        let (database, leases) = try await scene()
        guard case .begun(let id) = try await begin(database, leases[0]) else { throw TestFailure("not begun") }
        #expect(try await book.record(id, .accepted, providerTaskID: "p", in: database.pool))
        #expect(try await !book.record(id, .unknown, in: database.pool), "what is known stays known")
        #expect(try await book.record(id, .made, cost: ProviderCost(micro: 7, currency: "EUR"), in: database.pool))
        #expect(try await !book.record(id, .refused, in: database.pool), "what is billed stays billed")
        let stored = try #require(try await book.submit(id, in: database.pool))
        #expect(stored.state == .made && stored.providerTaskID == "p" && stored.cost == ProviderCost(micro: 7, currency: "EUR"))
        guard case .begun(let other) = try await begin(database, leases[1]) else { throw TestFailure("not begun") }
        try await book.record(other, .refused, fault: "away", message: "no", in: database.pool)
        guard case .begun(let again) = try await begin(database, leases[1]) else { throw TestFailure("not begun again") }
        #expect(again > other)
        // One that was given up may still turn out to have been made.
        try await book.record(again, .abandoned, in: database.pool)
        #expect(try await book.record(again, .made, in: database.pool))
        // Or to have a job that can be asked for, when its answer comes late.
        guard case .begun(let late) = try await begin(database, leases[2]) else { throw TestFailure("not begun late") }
        try await book.record(late, .abandoned, in: database.pool)
        #expect(try await !book.record(late, .accepted, in: database.pool), "nothing is learned without an id")
        #expect(try await book.record(late, .accepted, providerTaskID: "late", in: database.pool))
        try await book.record(late, .abandoned, in: database.pool)
        #expect(try await !book.record(late, .accepted, providerTaskID: "other", in: database.pool), "it has been asked for")
        #expect(
            try await database.rows("select state, provider_task_id from provider_submits where id = \(late)") == [["abandoned", "late"]])
    }

    @Test func whoeverLostItsLeaseBeginsNothing() async throws {
        let (database, leases) = try await scene()
        try await database.rows("delete from leases where lease = \(leases[0])")
        #expect(try await begin(database, leases[0]) == .stale)
        #expect(try await database.number("select count(*) from provider_submits") == 0)
    }

    @Test func aProviderHasNoMoreJobsThanItMayOverAllNodes() async throws {
        let (database, leases) = try await scene("max_running = 2")
        let verdicts = try await withThrowingTaskGroup(of: SubmitVerdict.self) { group in
            for lease in leases { group.addTask { try await begin(database, lease) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(verdicts.count { $0 == .full } == 2)
        let open = try await database.number("select min(id) from provider_submits")
        try await book.record(open, .made, in: database.pool)
        var begun = 0
        for lease in leases { if case .begun = try await begin(database, lease) { begun += 1 } }
        #expect(begun == 1, "one has ended, so there is room for one")
    }

    @Test func aProviderGetsNoMoreRequestsThanItMay() async throws {
        let (database, leases) = try await scene("rpm = 1")
        guard case .begun = try await begin(database, leases[0]) else { throw TestFailure("not begun") }
        guard case .limited(let seconds) = try await begin(database, leases[1]) else { throw TestFailure("not limited") }
        #expect((50...60).contains(seconds))
        #expect(try await database.number("select count(*) from provider_submits") == 1)
    }
}
