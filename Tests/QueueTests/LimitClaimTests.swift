import Admission
import Domain
import Queue
import TestSupport
import Testing

extension QueueSuites {
    /// Limits on running tasks, and what claims do about tasks that may not run yet.
    @Suite struct LimitClaimTests {
        @Test func aFullKeyDoesNotHoldUpTheOtherKeysOfItsAccount() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let narrow = try await Tenant.make(database, credits: "100")
            let wide = try await Tenant.make(database)
            for _ in 0..<4 { try await database.admitted((0..<250).map { _ in narrow.submission() }) }
            // Behind a thousand of the other key.
            let late = try await database.admitted([wide.submission(), wide.submission()])
            try await database.limit(.key, String(narrow.keyID), running: 2)
            let claimed = try await database.claim(8)
            #expect(claimed.count == 4)
            #expect(Set(late).isSubset(of: claimed.map(\.id)))
            #expect(try await database.claim(8).isEmpty)
            let ended = try #require(claimed.first { !late.contains($0.id) })
            #expect(try await database.close([.completed(ended.lease)]) == [ended.lease: .closed])
            #expect(try await database.claim(8).count == 1)
            #expect(try await ledgerDrift(database) == [])
        }

        @Test(arguments: QuotaScope.allCases) func aModelMayRunSoOften(scope: QuotaScope) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.makeModel("other")
            let acme = try await Tenant.make(database)
            let subject = scope == .key ? String(acme.keyID) : scope == .account ? "acme" : "default"
            try await database.limit(scope, subject, model: "other", running: 2)
            for model in ["other", "z-image-turbo"] {
                try await database.admitted((0..<5).map { _ in acme.submission(model: model) })
            }
            let models = try await database.claim(20).map(\.model).sorted()
            #expect(models == ["other", "other"] + Array(repeating: "z-image-turbo", count: 5))
            #expect(try await ledgerDrift(database) == [])
        }

        @Test func theStrictestOfSeveralHolds() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let first = try await Tenant.make(database)
            let second = try await Tenant.make(database)
            try await database.limit(.group, "default", running: 6)
            try await database.limit(.account, "acme", running: 5)
            try await database.limit(.account, "acme", model: "z-image-turbo", running: 4)
            try await database.limit(.key, String(first.keyID), running: 3)
            try await database.admitted((0..<9).map { _ in first.submission() } + (0..<9).map { _ in second.submission() })
            _ = try await database.claim(20)
            let counts = try await database.rows(
                "select t.key_id, count(*) from leases l join tasks t on t.id = l.task_id group by 1 order by 1")
            #expect(counts == [["\(first.keyID)", "3"], ["\(second.keyID)", "1"]])
            try await database.limit(.account, "acme", model: "z-image-turbo")
            #expect(try await database.claim(20).count == 1)
            try await database.limit(.account, "acme")
            #expect(try await database.claim(20).count == 1, "the group's own")
            try await database.limit(.group, "default")
            #expect(try await database.claim(20).count == 6, "the second key's all")
            try await database.limit(.key, String(first.keyID))
            #expect(try await database.number("select count(*) from limit_counters") == 0)
            #expect(try await database.claim(20).count == 6)
            #expect(try await ledgerDrift(database) == [])
        }

        @Test func theMaximumIsExactUnderRacingClaimersSubmitsAndEnds() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 6)
            let tenants = [try await Tenant.make(database, credits: "100"), try await Tenant.make(database)]
            try await database.limit(.account, "acme", running: 5, pending: 60)
            try await database.limit(.key, String(tenants[0].keyID), model: "z-image-turbo", running: 3)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for claimer in 1...3 {
                    group.addTask {
                        for round in 0..<30 {
                            let claimed = try await database.claim(claimer * 2, node: "node \(claimer)")
                            let alive = try await database.rows(
                                """
                                select count(*) <= 5, count(*) filter (where t.key_id = \(tenants[0].keyID)) <= 3
                                from leases l join tasks t on t.id = l.task_id
                                """)
                            #expect(alive == [["t", "t"]])
                            let leases = claimed.map(\.lease)
                            if round % 3 == 0 {
                                try await queue.handBack(leases, in: database.pool)
                            } else {
                                _ = try await database.close(
                                    leases.map { round % 3 == 1 ? .completed($0) : .failed($0) })
                            }
                        }
                    }
                }
                for tenant in tenants {
                    group.addTask {
                        for _ in 0..<30 {
                            let ids = try await database.admit((0..<7).map { _ in tenant.submission() }).compactMap(\.taskID)
                            if let id = ids.first {
                                _ = try await queue.cancel([id], walletID: nil, alsoRunning: true, in: database.pool)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await database.number("select pending from wallets where id = \(tenants[0].walletID)") <= 60)
            #expect(try await ledgerDrift(database) == [])
        }

        /// More lanes than one claim looks at: each comes to its turn.
        @Test func aHundredKeysOfOneAccountAllComeToTheirTurn() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "100")
            try await database.limit(.account, "acme", running: 1000)
            let keys = try await database.rows(
                """
                insert into api_keys (selector, account_id, wallet_id, mode, name, hash, hint)
                select 'lane-' || n, \(acme.accountID), \(acme.walletID), 'live', 'lane', '$argon2id$none', 'none'
                from generate_series(1, 100) n returning id
                """)
            let template = acme.submission()
            try await database.admitted(keys.compactMap { $0[0].flatMap { Int64($0) } }.map { template.changed(keyID: $0) })
            var claimed: Set<TaskID> = []
            for _ in 0..<10 { claimed.formUnion(try await database.claim(20).map(\.id)) }
            #expect(claimed.count == 100)
        }

        /// 4 workers, jobs of one length, and an account with 10,000 waiting jobs that was there first: the lone job of
        /// another account starts before two job lengths are over, whenever it comes.
        @Test(arguments: 0..<4) func tenThousandWaitingJobsDelayASingleOneByTwoJobLengthsAtMost(phase: Int) async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let crowd = try await Tenant.make(database, name: "crowd", credits: "1000")
            let lone = try await Tenant.make(database, name: "lone")
            for _ in 0..<40 { try await database.admitted((0..<250).map { _ in crowd.submission() }) }
            // The clock is a count: a job takes 4 ticks, and at each tick one of 4 workers ends its job and claims the next.
            let slots = 4
            var running = try await database.claim(slots)
            var after = running.last?.walletID ?? 0
            var single: TaskID?
            var came = 0
            for tick in 0..<(slots * 6) {
                if tick == slots + phase { (single, came) = (try await database.admitted([lone.submission()])[0], tick) }
                let ended = running.removeFirst()
                #expect(try await database.close([.completed(ended.lease)]) == [ended.lease: .closed])
                let next = try await database.claim(1, after: after)
                #expect(next.count == 1)
                running += next
                after = next.last?.walletID ?? after
                if let single, next.first?.id == single {
                    #expect(tick - came <= slots * 2, "it waited for \(tick - came) of \(slots) ticks a job")
                    return
                }
            }
            Issue.record("the single job did not start")
        }
    }
}
