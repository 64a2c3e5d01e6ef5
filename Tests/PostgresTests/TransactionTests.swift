import Postgres
import Testing
import TestSupport

@Suite(.timeLimit(.minutes(5))) struct TransactionTests {
    private let add = Statement("add", "update pair set n = n + 1 where id = $1::bigint")
    private let total = Statement("total", "select sum(n)::bigint from pair")
    private let zero = Statement("zero", "select 1 / 0")

    @Test func returnCommitsAndThrowRollsBack() async throws {
        let database = try await pair()
        let kept = try await database.owner.transaction { transaction in
            try await transaction.execute(add, [Parameter(1)])
            return "kept"
        }
        #expect(kept == "kept")
        let tries = Counter()
        await #expect(throws: Stop.self) {
            try await database.owner.transaction { transaction in
                tries.add()
                try await transaction.execute(add, [Parameter(1)])
                throw Stop()
            }
        }
        #expect(tries.value == 1, "an error of the body is not tried again")
        #expect(try await sum(database.owner) == 1)
    }

    @Test func refusedStatementRollsAllBack() async throws {
        let database = try await pair()
        let tries = Counter()
        let error = try await postgresError {
            try await database.owner.transaction { transaction in
                tries.add()
                try await transaction.execute(add, [Parameter(1)])
                try await transaction.execute(zero)
            }
        }
        #expect(error.sqlState == "22012")
        #expect(tries.value == 1)
        #expect(try await sum(database.owner) == 0)
    }

    @Test func swallowedErrorIsNotTakenForACommit() async throws {
        let database = try await pair()
        let error = try await postgresError {
            try await database.owner.transaction { transaction in
                try await transaction.execute(add, [Parameter(1)])
                try? await transaction.execute(zero)
            }
        }
        #expect(error.code == .server)
        #expect(error.sqlState == "25P02")
        #expect(!error.isTransient)
        #expect(try await sum(database.owner) == 0)
    }

    @Test func deferredConstraintRefusesTheCommit() async throws {
        let database = try await pair()
        try await database.rows("update pair set n = id; alter table pair add constraint once unique (n) deferrable initially deferred")
        let error = try await postgresError {
            try await database.owner.transaction { try await $0.execute(Statement("same", "update pair set n = 5")) }
        }
        #expect(error.sqlState == "23505")
        #expect(error.constraint == "once")
        #expect(try await sum(database.owner) == 3, "the session is usable and nothing was written")
    }

    @Test func deadlockIsTriedAgainUntilBothAreDone() async throws {
        let database = try await pair()
        let tries = Counter()
        let (gate, winnerDone) = (Rendezvous(2), Rendezvous(2))
        let sooner = Statement("sooner", "select set_config('deadlock_timeout', '20ms', true)")
        func cross(_ first: Int, _ second: Int) async throws {
            let own = Counter()
            defer { gate.open(); winnerDone.open() }
            try await database.owner.transaction { transaction in
                tries.add()
                // The victim starts again after the other is done, or it could be the victim once more.
                if own.add() > 1 { await winnerDone.meet() }
                try await transaction.execute(sooner)
                try await transaction.execute(add, [Parameter(first)])
                await gate.meet()
                try await transaction.execute(add, [Parameter(second)])
            }
        }
        async let one: Void = cross(1, 2)
        async let two: Void = cross(2, 1)
        _ = try await (one, two)
        #expect(tries.value == 3, "one of them was the victim, once")
        #expect(try await database.rows("select n from pair order by id") == [["2"], ["2"]])
    }

    @Test func serializationFailureIsTriedAgainOnANewSnapshot() async throws {
        let database = try await pair()
        let tries = Counter()
        let strict = Statement("strict", "set transaction isolation level repeatable read")
        let seen = try await database.owner.transaction { transaction in
            let isFirst = tries.add() == 1
            try await transaction.execute(strict)
            let seen = try await sum(transaction)
            if isFirst { try await database.rows("update pair set n = n + 10 where id = 1") }
            try await transaction.execute(add, [Parameter(1)])
            return seen
        }
        #expect(tries.value == 2)
        #expect(seen == 10, "the second try sees what undid the first")
        #expect(try await sum(database.owner) == 11)
    }

    @Test func triesHaveAnEnd() async throws {
        let database = try await pair()
        try await database.rows(
            """
            create sequence tries;
            create function flaky(failures int, state text) returns int language plpgsql as $$
            begin
                if nextval('tries') <= failures then raise exception 'again' using errcode = state; end if;
                update pair set n = n + 1;
                return 1;
            end $$
            """)
        let flaky = Statement("flaky", "select flaky($1::bigint::int, $2)")
        func run(_ failures: Int, _ state: String, _ body: ([Parameter]) async throws -> Void) async throws -> Int64 {
            try await database.rows("select setval('tries', 1, false)")
            try? await body([Parameter(failures), Parameter(state)])
            return try await database.number("select last_value from tries")
        }
        for state in ["40001", "40P01"] {
            #expect(try await run(2, state) { try await database.owner.execute(flaky, $0) } == 3)
            #expect(try await run(2, state) { list in try await database.owner.transaction { try await $0.execute(flaky, list) } } == 3)
            #expect(try await run(99, state) { try await database.owner.execute(flaky, $0) } == 5)
            #expect(try await run(99, state) { list in try await database.owner.transaction { try await $0.execute(flaky, list) } } == 5)
        }
        #expect(try await run(99, "55P03") { try await database.owner.execute(flaky, $0) } == 1)
        #expect(try await sum(database.owner) == 8)
    }

    @Test func snapshotStandsStillAndWritesNothing() async throws {
        let database = try await pair()
        let sums = try await database.owner.transaction(.readOnlySnapshot) { transaction in
            let first = try await sum(transaction)
            try await database.rows("update pair set n = n + 1")
            return [first, try await sum(transaction)]
        }
        #expect(sums == [0, 0])
        #expect(try await sum(database.owner) == 2)
        let error = try await postgresError {
            try await database.owner.transaction(.readOnlySnapshot) { try await $0.execute(add, [Parameter(1)]) }
        }
        #expect(error.sqlState == "25006")
    }

    private func pair() async throws -> TestDatabase {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        try await database.rows(
            "create table pair (id bigint primary key, n int not null default 0); insert into pair values (1), (2)")
        return database
    }

    private func sum(_ session: any Session) async throws -> Int {
        try await session.one(total) { row throws(PostgresError) in try row.get(0, as: Int.self) }
    }
}
