import Domain
import Postgres
import Reports
import TestSupport
import Testing

extension ReportsSuites {
    @Suite struct TaskPageTests {
        /// A tenant with tasks that are made without admission, of which every thousandth failed.
        private func makeTasks(_ count: Int, _ database: TestDatabase) async throws -> (Tenant, [TaskID]) {
            let acme = try await Tenant.make(database)
            let first = try await database.admitted([acme.submission()])[0].value
            try await database.rows(
                """
                insert into tasks (id, period, wallet_id, account_id, key_id, group_id, model_id, operation, dialect, state,
                    request, price_id, reserved, settled, created_at, finished_at)
                select t.id + n, t.period, t.wallet_id, t.account_id, t.key_id, t.group_id, t.model_id, t.operation, t.dialect,
                    case when n % 1000 = 0 then 'failed' else 'pending' end::task_state, '{}', t.price_id, t.reserved,
                    case when n % 1000 = 0 then 0 end, t.created_at, case when n % 1000 = 0 then t.created_at end
                from tasks t, generate_series(1, \(count - 1)) n;
                analyze tasks
                """)
            return (acme, (0..<Int64(count)).map { TaskID(first + $0) })
        }

        /// A page looks at ten thousand tasks, and the next one goes on where it ended.
        @Test func aPageLooksAtAWindowOfTasks() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let (acme, ids) = try await makeTasks(25_000, database)
            var filter = TaskFilter()
            filter.state = .failed
            filter.count = 6
            func page() async throws -> TaskPage {
                try await ReportBook().page(filter, walletID: acme.walletID, in: database.pool)
            }
            let first = try await page()
            #expect(first.tasks.map(\.id) == [24, 23, 22, 21, 20, 19].map { ids[$0 * 1000] })
            #expect(first.total == 10 && first.next?.id == ids[19_000])
            filter.offset = 6
            let second = try await page()
            #expect(second.tasks.map(\.id) == [18, 17, 16, 15].map { ids[$0 * 1000] })
            #expect(second.next?.id == ids[15_000], "the end of the window")
            filter.offset = 0
            filter.before = second.next?.id
            filter.count = 100
            let third = try await page()
            #expect(third.tasks.map(\.id) == (5...14).reversed().map { ids[$0 * 1000] })
            #expect(third.next?.id == ids[5000])
            filter.before = third.next?.id
            let last = try await page()
            #expect(last.tasks.map(\.id) == [4, 3, 2, 1].map { ids[$0 * 1000] })
            #expect(last.total == 4 && last.next?.id == nil)
            filter.state = .cancelled
            filter.before = nil
            let none = try await page()
            #expect(none.tasks.isEmpty && none.total == 0 && none.next?.id == ids[15_000], "nothing in this window")
        }

        /// What a page costs does not grow with the tasks of its wallet, nor with those of others.
        @Test func aPageReadsItsWindowByTheIndexOfTheWallet() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let (acme, _) = try await makeTasks(100_000, database)
            let statement = try #require(ReportsStatements.all.first { $0.name == "task_page" })
            // The wallet's tasks are many, and older than everybody else's.
            try await database.rows(
                """
                insert into tasks (id, period, wallet_id, account_id, key_id, group_id, model_id, operation, dialect, request,
                    price_id, reserved, created_at)
                select id + 1000000, period, wallet_id + 1000, account_id, key_id, group_id, model_id, operation, dialect, request,
                    price_id, reserved, created_at
                from tasks where state = 'pending' and id % 2 = 0;
                analyze tasks
                """)
            let types = "bigint, bigint, text, text, int, int"
            for mode in ["force_generic_plan", "force_custom_plan"] {
                let plan = try await database.rows(
                    """
                    set plan_cache_mode = \(mode); deallocate all;
                    prepare page (\(types)) as \(statement.sql);
                    explain (analyze, timing off, costs off, summary off) execute page (\(acme.walletID), null, 'failed', null, 0, 20)
                    """
                ).map { $0[0] ?? "" }
                let scans = plan.filter { $0.contains("on tasks") }
                #expect(scans.count == 1, "\(plan)")
                #expect(scans[0].contains("tasks_of_wallet") && scans[0].contains("actual rows=10000 "), "\(plan)")
            }
        }
    }
}
