import Domain
import Foundation
import Images
import Postgres
import Providers
import Queue
import TestSupport
import Testing

@testable import JobLife

@Suite(.timeLimit(.minutes(5))) struct RecoverTests {
    private let queue = TaskQueue(leaseSeconds: 60)

    private func recovering(
        _ database: TestDatabase, folder: String = "/nonexistent/zimage", nowSeconds: Int64 = 0,
        _ test: (Hints) async throws -> Void
    ) async throws {
        let hints = Hints(database.pool, queue: queue)
        let recover = Recover(
            database.pool, queue: queue, store: FolderStore(folder: folder), hints: hints,
            late: LateSubmits(routes: Routes(sandbox: FakeProvider { _, _ in [1] }), database.pool, logger: silent),
            nowSeconds: { nowSeconds }, logger: silent)
        let runner = Task { await recover.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await test(hints)) } catch { result = .failure(error) }
        runner.cancel()
        await runner.value
        try result.get()
        #expect(try await ledgerDrift(database) == [])
    }

    @Test func tasksOfADeadNodeWaitAgain() async throws {
        let database = try await TestDatabase.fresh()
        let tenant = try await Tenant.make(database)
        for _ in 0..<3 { _ = try await admit(database, tenant.submission()) }
        let claimed = try await queue.claim(node: "dead", limit: 2, afterWallet: 0, in: database.pool)
        // One of the two has run out.
        try await database.rows("update leases set until = now() - interval '1 second' where lease = \(claimed[0].lease.value)")
        try await recovering(database) { (hints: Hints) async throws in
            // Workers hear of it.
            await hints.local.wait()
            #expect(try await database.number("select count(*) from queue") == 2)
            #expect(try await database.number("select lease from leases") == claimed[1].lease.value)
            let ending = Ending(
                lease: claimed[0].lease, outcome: .failed(code: "x", message: "x"), units: 0, provider: nil)
            #expect(try await queue.close([ending], in: database.pool) == [claimed[0].lease: .stale])
        }
    }

    @Test func aTaskThatIsLostTooOftenFailsAndIsRefunded() async throws {
        let database = try await TestDatabase.fresh()
        let tenant = try await Tenant.make(database)
        let id = try await admit(database, tenant.submission())
        for number in 1...Limits.attemptsMax {
            let claimed = try await queue.claim(node: "n", limit: 1, afterWallet: 0, in: database.pool)
            #expect(claimed.map(\.attempt) == [number])
            try await database.rows("update leases set until = now() - interval '1 second'")
            if number < Limits.attemptsMax { #expect(try await queue.rescue(in: database.pool) == 1) }
        }
        try await recovering(database) { (hints: Hints) async throws in
            await hints.local.wait()
            let rows = try await database.rows("select state, settled, error_code from tasks where id = \(id.value)")
            #expect(rows == [["failed", "0", "generation_timeout"]])
            #expect(try await database.number("select count(*) from attempts") == Int64(Limits.attemptsMax))
            let balance = try await tenant.balance(database)
            #expect([balance.available, balance.reserved, balance.settled] == [1_000_000, 0, 0])
        }
    }

    @Test func partitionsAreMadeAndOldPicturesSwept() async throws {
        let database = try await TestDatabase.fresh()
        let folder = "\(FileManager.default.temporaryDirectory.path)/zimage-sweep-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = FolderStore(folder: folder)
        let now: Int64 = 1_000_000_000
        let (old, young) = (
            ImagePath(atSeconds: now - 30 * 3600, lease: 1, index: 0, format: .png),
            ImagePath(atSeconds: now - 23 * 3600, lease: 2, index: 0, format: .png)
        )
        for path in [old, young] { try await store.put([1], at: path) }
        let month = try await database.rows("select to_char(now() at time zone 'UTC' + interval '1 month', 'YYYYMM')")[0][0]
        let table = "usage_facts_\(try #require(month))"
        try await database.rows("drop table \(table)")
        try await recovering(database, folder: folder, nowSeconds: now) { _ in
            try await eventually {
                let isMade = try await database.rows("select to_regclass('\(table)')") == [[table]]
                return isMade && !FileManager.default.fileExists(atPath: "\(folder)/\(old.text)")
            }
        }
        #expect(try await store.read(young) == [1])
    }

    @Test func nodesThatStartAtOnceMakeEachPartitionOnce() async throws {
        let database = try await TestDatabase.fresh()
        let month = try await database.rows("select to_char(now() at time zone 'UTC' + interval '1 month', 'YYYYMM')")[0][0]
        let tables = ["entries", "usage_facts"].map { "\($0)_\(month ?? "")" }
        for table in tables { try await database.rows("drop table \(table)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { try await Recover.makePartitions(in: database.pool) } }
            try await group.waitForAll()
        }
        for table in tables { #expect(try await database.rows("select to_regclass('\(table)')") == [[table]]) }
    }

    @Test func usageIsFolded() async throws {
        let database = try await TestDatabase.fresh()
        let tenant = try await Tenant.make(database)
        for _ in 0..<3 { _ = try await admit(database, tenant.submission()) }
        try await recovering(database) { _ in
            try await eventually { try await database.number("select count(*) from usage_tail") == 0 }
        }
        #expect(try await database.number("select sum(submitted)::bigint from usage_hours") == 3)
    }

    @Test func recoveringTwiceAtOnceIsHarmless() async throws {
        let database = try await TestDatabase.fresh()
        let tenant = try await Tenant.make(database)
        for _ in 0..<20 { _ = try await admit(database, tenant.submission()) }
        _ = try await queue.claim(node: "dead", limit: 20, afterWallet: 0, in: database.pool)
        try await database.rows("update leases set until = now() - interval '1 second'")
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 { group.addTask { try await queue.rescue(in: database.pool) } }
            return try await group.reduce(0, +)
        }
        #expect(counts == 20)
        #expect(try await database.number("select count(*) from queue") == 20)
        #expect(try await ledgerDrift(database) == [])
    }
}
