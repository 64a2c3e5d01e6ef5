import Foundation
import Postgres
import TestSupport
import Testing

@testable import Moderation

@Suite(.timeLimit(.minutes(5))) struct WordBookTests {
    private func word(_ rule: String, _ level: WordLevel = .basic) throws -> ModerationWord {
        ModerationWord(try WordRule(rule), .hate, level)
    }

    private func add(_ word: ModerationWord, _ database: TestDatabase) async throws -> WordAddition {
        try await database.pool.transaction { try await WordBook().add(word, in: $0) }
    }

    @Test func aChangeOfTheListReachesWhoeverWatchesIt() async throws {
        let database = try await TestDatabase.fresh()
        let watch = WordWatch(database.pool)
        #expect(watch.matcher.refusal(of: "gloop", level: .strict) == nil)
        #expect(try await watch.refresh() == [])
        #expect(watch.matcher.refusal(of: "lolicon", level: .basic) == .sexualMinors, "the list is there from the start")
        guard case .added(let id) = try await add(try word(" gloop "), database) else { throw TestFailure("not added") }
        try await watch.refresh()
        #expect(watch.matcher.refusal(of: "a g.l.o.o.p", level: .basic) == .hate)
        #expect(try await add(try word("gloop"), database) == .duplicate)
        let removed = try await WordBook().remove(id, in: database.pool)
        #expect(removed?.category == "hate" && removed?.level == "basic")
        #expect(try await WordBook().remove(id, in: database.pool) == nil)
        try await watch.refresh()
        #expect(watch.matcher.refusal(of: "gloop", level: .basic) == nil)
        #expect(try await add(try word("gloop"), database) != .duplicate, "what was removed can come back")
    }

    @Test func aRuleThatCannotBeReadIsLeftOutAndTold() async throws {
        let database = try await TestDatabase.fresh()
        let id = try await database.number(
            "insert into moderation_words (rule, category, level) values ('a*b*c', 'hate', 'basic') returning id")
        let watch = WordWatch(database.pool)
        #expect(try await watch.refresh() == [id])
        #expect(watch.matcher.refusal(of: "lolicon", level: .basic) == .sexualMinors)
    }

    @Test func theListGoesOnWhileTheDatabaseIsAway() async throws {
        let database = try await TestDatabase.fresh()
        let watch = WordWatch(database.pool)
        try await watch.refresh()
        try await database.rows("alter table moderation_epoch rename to gone")
        await #expect(throws: PostgresError.self) { try await watch.refresh() }
        #expect(watch.matcher.refusal(of: "lolicon", level: .basic) == .sexualMinors)
    }

    @Test func theListHasALimit() async throws {
        let database = try await TestDatabase.fresh()
        try await database.rows(
            """
            insert into moderation_words (rule, category, level)
            select 'rule ' || n, 'hate', 'basic' from generate_series(1, \(WordMatcher.wordsMax)
                - (select count(*)::int from moderation_words) - 1) n
            """)
        guard case .added = try await add(try word("last"), database) else { throw TestFailure("not added") }
        #expect(try await add(try word("one too many"), database) == .full)
    }

    @Test func theServiceCannotRewriteTheListOrTheCounts() async throws {
        let database = try await TestDatabase.fresh()
        for sql in [
            "delete from moderation_words", "update moderation_words set rule = 'x'", "update moderation_words set level = 'allowed'",
            "update moderation_epoch set epoch = 0", "delete from moderation_refusals", "update moderation_refusals set key_id = 1",
            "truncate moderation_words",
        ] {
            let service = try await Connection.open(database.address)
            await #expect(throws: PostgresError.self, "\(sql)") { _ = try await service.runText(sql) }
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct RefusalsTests {
    private func rows(_ database: TestDatabase) async throws -> [[String?]] {
        try await database.rows(
            "select key_id, category, refused from moderation_refusals where day = (now() at time zone 'UTC')::date order by 1, 2")
    }

    @Test func refusalsAddUpOverBatchesAndNodes() async throws {
        let database = try await TestDatabase.fresh()
        let nodes = [Refusals(), Refusals(), Refusals()]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, node) in nodes.enumerated() {
                group.addTask {
                    for round in 0..<10 {
                        // In another order on each node, so that a flush that locked in that order would deadlock.
                        for key in number.isMultiple(of: 2) ? [1, 2, 3] : [3, 2, 1] {
                            node.add(keyID: Int64(key), category: round.isMultiple(of: 2) ? .sexual : .hate)
                            node.add(keyID: Int64(key), category: .sexual)
                        }
                        try await node.flush(in: database.pool)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await rows(database) == [1, 2, 3].flatMap { [["\($0)", "hate", "15"], ["\($0)", "sexual", "45"]] })
        #expect(try await Refusals.today(in: database.pool) == [1: 60, 2: 60, 3: 60])
    }

    @Test func whatCouldNotBeWrittenIsKept() async throws {
        let database = try await TestDatabase.fresh()
        let refusals = Refusals()
        refusals.add(keyID: 1, category: .sexual)
        try await database.rows("alter table moderation_refusals rename to gone")
        await #expect(throws: PostgresError.self) { try await refusals.flush(in: database.pool) }
        try await database.rows("alter table gone rename to moderation_refusals")
        refusals.add(keyID: 1, category: .sexual)
        try await refusals.flush(in: database.pool)
        try await refusals.flush(in: database.pool)
        #expect(try await rows(database) == [["1", "sexual", "2"]])
    }

    @Test func aReportNamesKeysAndDays() async throws {
        let database = try await TestDatabase.fresh()
        let tenant = try await Tenant.make(database)
        let other = try await Tenant.make(database, name: "other")
        try await database.rows(
            """
            insert into moderation_refusals (key_id, day, category, refused)
            select k, (now() at time zone 'UTC')::date - d, 'sexual', 10 * k + d
            from unnest(array[\(tenant.keyID), \(other.keyID)]) k, unnest(array[0, 6, 7]) d
            """)
        let all = try await Refusals.report(days: 7, account: nil, in: database.pool)
        #expect(all.map(\.count) == [other.keyID * 10, tenant.keyID * 10, other.keyID * 10 + 6, tenant.keyID * 10 + 6])
        let own = try await Refusals.report(days: 8, account: "acme", in: database.pool)
        #expect(own.map(\.count) == [0, 6, 7].map { tenant.keyID * 10 + $0 })
        #expect(own.allSatisfy { $0.account == "acme" && $0.keyName == "test" })
    }
}
