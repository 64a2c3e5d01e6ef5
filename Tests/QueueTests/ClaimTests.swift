import Admission
import Domain
import Queue
import TestSupport
import Testing

extension QueueSuites {
    @Suite struct ClaimTests {
        @Test func aClaimCarriesWhatAWorkerNeeds() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, mode: .test)
            let admitted = try await database.admit([acme.submission(prompt: "a \"red\" b\u{e9}ret")])[0].outcome.get()
            let task = try #require(try await database.claim(5).first)
            #expect(task.id == admitted.id)
            #expect(task.attempt == 1)
            #expect(task.walletID == acme.walletID)
            #expect(task.mode == .test)
            #expect(task.model == "z-image-turbo")
            #expect(task.operation == .generate)
            #expect(task.image.prompt == "a \"red\" b\u{e9}ret")
            #expect(task.image.size == ImageSize(width: 376, height: 376))
            #expect(task.image.seed == 7)
            #expect(task.createdAt == admitted.createdAt)
            #expect(
                try await database.task(task.id, "state, started_at is not null, finished_at")
                    == ["processing", "t", nil])
            #expect(try await ledgerDrift(database).isEmpty)
        }

        /// The answer leaves before the commit. A node that is stopped while it reads must not hold the claim's locks, so all
        /// of the answer must fit into the 8 KiB that the server gathers before it sends.
        @Test func theAnswerThatIsSentUnderLocksIsSmallWhateverThePrompts() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "10")
            let prompt = String(repeating: "\u{1F30A}", count: Limits.promptCharactersMax)
            try await database.admitted((0..<64).map { _ in acme.submission(prompt: prompt) })
            let bytes = try await database.number("select sum(octet_length(c::text)) from claim_tasks('node', 64, 0, 60) c")
            #expect((64...4096).contains(bytes), "\(bytes)")
        }

        @Test func anEmptyQueueGivesNothing() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            #expect(try await database.claim(10).isEmpty)
            #expect(try await database.claim(10, after: 77).isEmpty)
        }

        @Test func fourRacingClaimersClaimEveryTaskOnce() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 4)
            let tenants = try await database.makeTenants(5)
            let template = try await Tenant.make(database, name: "template").submission()
            for tenant in tenants {
                try await database.admitted((0..<60).map { _ in template.changed(keyID: tenant.key) })
            }
            let claimed = try await withThrowingTaskGroup(of: [ClaimedTask].self) { group in
                for claimer in 1...4 {
                    group.addTask {
                        var mine: [ClaimedTask] = []
                        while true {
                            let part = try await database.claim(
                                claimer * 3, node: "node \(claimer)", after: mine.last?.walletID ?? 0)
                            if part.isEmpty { return mine }
                            mine += part
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == 300)
            #expect(Set(claimed.map(\.id)).count == 300)
            #expect(Set(claimed.map(\.lease)).count == 300)
            #expect(try await database.number("select count(*) from leases") == 300)
            #expect(try await ledgerDrift(database).isEmpty)
        }

        @Test func theMaximumOfRunningTasksIsExactUnderRacingClaimers() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 4)
            try await database.makeGroup("narrow", setting: "max_running = 5")
            let tenants = try await database.makeTenants(3, group: "narrow")
            let template = try await Tenant.make(database, name: "template").submission()
            for tenant in tenants {
                try await database.admitted((0..<40).map { _ in template.changed(keyID: tenant.key) })
            }
            let claimed = try await withThrowingTaskGroup(of: [ClaimedTask].self) { group in
                for claimer in 1...4 {
                    group.addTask {
                        var mine: [ClaimedTask] = []
                        for _ in 0..<6 { mine += try await database.claim(claimer, node: "node \(claimer)") }
                        return mine
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            let counts = Dictionary(grouping: claimed, by: \.walletID).mapValues(\.count)
            #expect(counts == Dictionary(uniqueKeysWithValues: tenants.map { ($0.wallet, 5) }))
            // One ends, so one of the same wallet may run.
            let ended = claimed[0]
            #expect(try await database.close([.completed(ended.lease)]) == [ended.lease: .closed])
            #expect(try await database.claim(9).map(\.walletID) == [ended.walletID])
            #expect(try await ledgerDrift(database).isEmpty)
        }
    }
}
