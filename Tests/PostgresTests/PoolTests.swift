import Postgres
import Testing
import TestSupport

@Suite(.timeLimit(.minutes(5))) struct PoolTests {
    private let backend = Statement("backend", "select pg_backend_pid()")

    @Test func manyCallersShareTwoSessionsAndAllFinish() async throws {
        let database = try await TestDatabase.fresh()
        let pool = ConnectionPool(database.ownerAddress, connectionsMax: 2)
        let busy = Counter()
        let gate = Rendezvous(2)
        let backends = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<60 {
                group.addTask {
                    try await pool.withConnection { connection in
                        busy.add()
                        defer { busy.add(-1) }
                        // The first two meet here, so both sessions are in use at once.
                        await gate.meet()
                        return try await pid(connection)
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(backends.count == 60)
        #expect(Set(backends).count == 2)
        #expect(busy.most == 2)
    }

    @Test func callersBeyondTheLimitAreRefusedAndTheRestFinish() async throws {
        let database = try await TestDatabase.fresh()
        let pool = ConnectionPool(database.ownerAddress, connectionsMax: 1)
        let (held, release, waitersMax, extra) = (Rendezvous(2), Rendezvous(2), 4096, 16)
        let refusal = Rendezvous(2)
        async let holder: Void = pool.withConnection { _ in
            await held.meet()
            await release.meet()
        }
        await held.meet()
        async let opener: Void = { await refusal.meet(); await release.meet() }()
        let outcomes = await withTaskGroup(of: PostgresError?.self) { group in
            for _ in 0..<(waitersMax + extra) {
                group.addTask {
                    do { try await pool.withConnection { _ in } } catch let error as PostgresError {
                        await refusal.meet()
                        return error
                    } catch {}
                    return nil
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        _ = try await (holder, opener)
        let refused = outcomes.compactMap { $0 }
        #expect((1...extra).contains(refused.count))
        #expect(refused.allSatisfy { $0.code == .poolExhausted && $0.isUnavailable })
        #expect(try await pid(pool) > 0, "the pool goes on")
    }

    @Test func brokenSessionsAreReplaced() async throws {
        let database = try await TestDatabase.fresh()
        let pool = ConnectionPool(database.address, connectionsMax: 3)
        let gate = Rendezvous(3)
        let first = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    try await pool.withConnection { connection in
                        await gate.meet()
                        return try await pid(connection)
                    }
                }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(first.count == 3)
        #expect(try await database.terminateSessions() >= 3)
        // The next callers notice nothing, whichever of the three they would have got.
        for _ in 0..<6 { #expect(!first.contains(try await pid(pool))) }
        try await pool.transaction { try await $0.execute(backend) }
    }

    @Test func sessionThatBreaksDuringAStatementIsAnErrorOnce() async throws {
        let database = try await TestDatabase.fresh()
        let pool = ConnectionPool(database.ownerAddress, connectionsMax: 1)
        let suicide = Statement("suicide", "select pg_terminate_backend(pg_backend_pid())")
        let error = try await postgresError { try await pool.execute(suicide) }
        #expect(error.code == .connectionLost)
        #expect(error.isUnavailable && !error.isTransient)
        #expect(error.statement == "suicide")
        #expect(try await pid(pool) > 0)
        let lost = try await postgresError { try await pool.transaction { try await $0.execute(suicide) } }
        #expect(lost.code == .connectionLost)
        #expect(try await pid(pool) > 0)
    }

    @Test func failureToConnectKeepsNoPlace() async throws {
        let database = try await TestDatabase.fresh()
        let pool = ConnectionPool(database.address(database: "nowhere"), connectionsMax: 1)
        for _ in 0..<3 {
            #expect(try await postgresError { _ = try await pid(pool) }.code == .cannotConnect)
        }
    }

    @Test func bodyThatThrowsGivesItsSessionBack() async throws {
        let database = try await TestDatabase.fresh()
        let pool = ConnectionPool(database.ownerAddress, connectionsMax: 1)
        let before = try await pid(pool)
        await #expect(throws: Stop.self) { try await pool.withConnection { _ in throw Stop() } }
        #expect(try await pid(pool) == before)
    }

    @Test func sessionsHaveTheirRoleTimeoutAndZone() async throws {
        let database = try await TestDatabase.fresh()
        let settings = Statement(
            "settings",
            "select current_user::text || ' ' || current_setting('statement_timeout') || ' ' || current_setting('TimeZone')")
        func read(_ address: DatabaseAddress) async throws -> String {
            try await Connection.open(address).one(settings) { row throws(PostgresError) in try row.get(0, as: String.self) }
        }
        #expect(try await read(database.address) == "zimage_service 30s UTC")
        let other = DatabaseAddress(url: database.url, role: nil, statementTimeoutSeconds: 7)
        #expect(try await read(other) == "zimage_owner 7s UTC")
        let odd = DatabaseAddress(url: database.url, role: "no\"; select '")
        #expect(try await postgresError { _ = try await read(odd) }.sqlState == "22023")
    }

    private func pid(_ session: any Session) async throws -> Int {
        try await session.one(backend) { row throws(PostgresError) in try row.get(0, as: Int.self) }
    }
}
