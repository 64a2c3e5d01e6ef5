import Domain
import Postgres
import Queue
import Reports
import TestSupport
import Testing

extension ReportsSuites {
    /// Facts are folded into the rollups, each once.
    @Suite struct FoldTests {
        private static let fact = """
            insert into usage_facts (at, event, mode, group_id, model_id, account_id, key_id, reserved)
            values (now(), 'submitted', 'live', 1, 1, 1, 1, 5)
            """

        /// What the rollups of each grain hold: tasks submitted, in the order of the grains.
        private func folded(_ database: TestDatabase) async throws -> [String?] {
            try await database.rows(
                """
                select coalesce(sum(submitted), 0)::text from unnest(enum_range(null::usage_grain)) g
                    left join usage_rollups r on r.grain = g group by g order by g
                """).map { $0[0] }
        }

        private func tail(_ database: TestDatabase) async throws -> Int64 {
            try await database.number("select count(*) from usage_tail")
        }

        @Test func theFirstFactOfAllIsNotMissed() async throws {
            let database = try await TestDatabase.fresh()
            // A sequence that was never used has the same last value as one that was used once.
            for _ in 0..<3 { #expect(try await UsageFold()(in: database.pool) == 0) }
            #expect(try await database.number("select folded_to + candidate from usage_fold") == 0)
            try await database.rows(Self.fact)
            try await database.foldUsage()
            #expect(try await folded(database) == ["1", "1", "1"])
        }

        @Test func anOpenTransactionDelaysTheFoldAndLosesNothing() async throws {
            let database = try await TestDatabase.fresh()
            let writer = try await Connection.open(database.ownerAddress)
            _ = try await writer.runText("begin; \(Self.fact)")
            for _ in 0..<3 { try await database.rows(Self.fact) }
            for _ in 0..<5 {
                #expect(try await UsageFold()(in: database.pool) == 0)
                try await database.rows(Self.fact)
            }
            #expect(try await folded(database) == ["0", "0", "0"])
            let before = try await ReportBook().usage(UsageQuery(), in: database.pool)
            #expect(before.map(\.submitted) == [8], "what is committed is reported, what is not is not")
            _ = try await writer.runText("commit")
            let after = try await ReportBook().usage(UsageQuery(), in: database.pool)
            #expect(after.map(\.submitted) == [9])
            try await database.foldUsage()
            #expect(try await folded(database) == ["9", "9", "9"])
            #expect(try await ReportBook().usage(UsageQuery(), in: database.pool) == after)
        }

        /// Transactions begin, write, commit and roll back in any order while the fold runs between them.
        @Test func everyFactIsFoldedOnceInAnyOrderOfCommits() async throws {
            let seed = TestSeed.value
            let database = try await TestDatabase.fresh()
            var model = try await FoldModel(database, seed: seed)
            for step in 0..<400 {
                try await model.step()
                let seen = try await model.seen()
                try #require(seen == model.committed, "seed \(seed), step \(step): \(seen), not \(model.committed)")
            }
            try await model.end()
            #expect(try await tail(database) == 0, "seed \(seed)")
            let all = "\(model.committed.facts)"
            #expect(try await folded(database) == [all, all, all], "seed \(seed)")
            #expect(try await ledgerDrift(database).filter { $0.hasPrefix("rollups") } == [], "seed \(seed)")
            // A run that never met the interesting cases would prove nothing.
            #expect(model.foldsBesideOpenWriters > 10 && model.rollbacks > 5, "seed \(seed)")
        }

        @Test func everyTaskIsFoldedOnceWhileNodesWriteAndFold() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 6)
            let tenants = [try await Tenant.make(database), try await Tenant.make(database, name: "beta")]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for tenant in tenants + tenants {
                    group.addTask {
                        let queue = TaskQueue(leaseSeconds: 600)
                        for _ in 0..<8 {
                            try await database.admitted([tenant.submission(), tenant.submission()])
                            let claimed = try await queue.claim(node: "n", limit: 1, afterWallet: 0, in: database.pool)
                            let endings = claimed.map {
                                Ending(lease: $0.lease, outcome: .completed(images: []), units: 0, provider: "sandbox")
                            }
                            _ = try await queue.close(endings, in: database.pool)
                        }
                    }
                }
                for _ in 0..<2 {
                    group.addTask { for _ in 0..<100 { _ = try await UsageFold()(in: database.pool) } }
                }
                try await group.waitForAll()
            }
            try await database.foldUsage()
            #expect(try await folded(database) == ["64", "64", "64"])
            #expect(try await database.number("select sum(completed)::bigint from usage_days") == 32)
            #expect(try await ledgerDrift(database) == [])
        }

        @Test func oneCallFoldsAtMostAHundredThousand() async throws {
            let database = try await TestDatabase.fresh()
            try await database.rows(Self.fact)
            try await database.rows("select setval('usage_facts_id_seq', 250000)")
            try await database.rows(Self.fact)
            var counts: [Int] = []
            while counts.reduce(0, +) < 250_001 {
                try Task.checkCancellation()
                let count = try await UsageFold()(in: database.pool)
                if count > 0 { counts.append(count) }
            }
            #expect(counts == [100_000, 100_000, 50_001])
            #expect(try await folded(database) == ["2", "2", "2"])
            #expect(try await UsageFold().backlog(in: database.pool) == 0)
        }

        /// Restored into a cluster whose transactions are numbered lower.
        @Test func aCandidateFromAnotherClusterIsReplaced() async throws {
            let database = try await TestDatabase.fresh()
            try await database.rows(Self.fact)
            _ = try await UsageFold()(in: database.pool)
            #expect(try await database.number("select candidate from usage_fold") == 1)
            try await database.rows("update usage_fold set candidate_xid = '9000000000000'")
            try await database.rows(Self.fact)
            #expect(try await UsageFold()(in: database.pool) == 0)
            #expect(try await database.number("select candidate from usage_fold") == 2)
            try await database.foldUsage()
            #expect(try await folded(database) == ["2", "2", "2"])
        }

        @Test func aNodeDoesNotWaitForAnother() async throws {
            let database = try await TestDatabase.fresh()
            try await database.rows(Self.fact)
            let other = try await Connection.open(database.ownerAddress)
            _ = try await other.runText("begin; select from usage_fold for update")
            #expect(try await UsageFold()(in: database.pool) == 0)
            #expect(try await database.number("select candidate from usage_fold") == 0)
            _ = try await other.runText("rollback")
        }

        /// Its number would be smaller than those of writers whose ids it takes for settled.
        @Test func aTransactionThatHasWrittenMayNotFold() async throws {
            let database = try await TestDatabase.fresh()
            let owner = try await Connection.open(database.ownerAddress)
            let error = await #expect(throws: PostgresError.self) {
                try await owner.runText("begin; select pg_current_xact_id(); select fold_usage()")
            }
            #expect(error?.sqlState == "25001")
        }

        /// What the proof of the fold rests on.
        @Test func aWriterHasItsNumberBeforeItDrawsIDs() async throws {
            let database = try await TestDatabase.fresh()
            try await database.rows(
                """
                insert into usage_facts (at, event, mode, group_id, model_id, account_id, key_id, reserved)
                select now(), 'submitted', 'live', 1, 1, 1, 1, before.number
                from (select (pg_current_xact_id_if_assigned() is not null)::int as number offset 0) before
                """)
            #expect(try await database.number("select reserved from usage_facts") == 1)
            let cache = "select cache_size from pg_sequences where sequencename = 'usage_facts_id_seq'"
            #expect(try await database.number(cache) == 1, "an id that is kept back would be drawn after it was noted")
        }
    }
}
