import Domain
import Foundation
import Postgres
import Providers
import Queue
import Reports
import TestSupport
import Testing

extension ReportsSuites {
    /// Usage holds all that providers are expected to bill, whatever became of the tasks, each cost once.
    @Suite struct BillTests {
        private static let cost = ProviderCost(micro: 4000, currency: "USD")
        private let book = SubmitBook()

        /// Tasks that run, each with a submit that has left. The answer is the submits' numbers.
        private func submits(_ count: Int, _ database: TestDatabase) async throws -> [Int64] {
            try await database.rows(
                """
                insert into providers (name, kind, base_url)
                select name, 'novita', 'https://far.example' from unnest(array['far', 'near']) name
                """)
            let tenants = [try await Tenant.make(database), try await Tenant.make(database, name: "beta")]
            try await database.admitted((0..<count).map { tenants[$0 % 2].submission(prompt: "\($0)") })
            let claimed = try await TaskQueue(leaseSeconds: 600).claim(node: "n", limit: count, afterWallet: 0, in: database.pool)
                .sorted { $0.id.value < $1.id.value }
            var submits: [Int64] = []
            for (place, task) in claimed.enumerated() {
                let verdict = try await book.begin(
                    lease: task.lease.value, picture: 0, provider: Int32(1 + place % 2), canCancel: false, cost: Self.cost,
                    in: database.pool)
                guard case .begun(let id) = verdict else { throw TestFailure("\(verdict)") }
                submits.append(id)
            }
            return submits
        }

        private func total(_ database: TestDatabase, _ query: UsageQuery = UsageQuery()) async throws -> UsageLine {
            .total(try await ReportBook().usage(query, in: database.pool))
        }

        @Test func whatIsMadeForARefundedTaskIsACost() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let submit = try await submits(1, database)[0]
            try await book.record(submit, .accepted, providerTaskID: "p", in: database.pool)
            let task = try await database.number("select task_id from leases")
            try await database.rows("select * from cancel_tasks(array[\(task)], null, true)")
            #expect(try await total(database).costs.isEmpty)
            try await book.record(submit, .made, cost: ProviderCost(micro: 5000, currency: "USD"), in: database.pool)
            var query = UsageQuery()
            query.by = .provider
            for _ in 0..<2 {
                let lines = try await ReportBook().usage(query, in: database.pool)
                #expect(lines.map(\.label) == ["-", "far"] && lines.map(\.cancelled) == [1, 0] && lines.map(\.submitted) == [1, 0])
                #expect(lines[1].costs == [ProviderCost(micro: 5000, currency: "USD")] && lines[1].possibleCosts.isEmpty)
                #expect(lines.allSatisfy { $0.settled == .zero })
                try await database.foldUsage()
            }
            #expect(try await ledgerDrift(database) == [])
        }

        /// What turns out otherwise changes the hour in which the submit left, not the present one.
        @Test func whatIsLearnedLaterChangesTheHourOfTheSubmit() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let submits = try await submits(3, database)
            try await database.rows("update provider_submits set made_at = date_trunc('month', now()) - interval '3 days'")
            var query = UsageQuery()
            query.to = Date(timeIntervalSince1970: TimeInterval(
                try await database.number("select extract(epoch from date_trunc('month', now()))::bigint")))
            func usd(_ micro: Int64) -> [ProviderCost] { micro == 0 ? [] : [ProviderCost(micro: micro, currency: "USD")] }
            func expect(_ costs: [ProviderCost], possible: Int64) async throws {
                for _ in 0..<2 {
                    let line = try await total(database, query)
                    #expect(line.costs == costs && line.possibleCosts == usd(possible))
                    #expect(try await total(database).costs == costs, "and nowhere else")
                    try await database.foldUsage()
                }
                #expect(try await ledgerDrift(database) == [])
            }
            for submit in submits { try await book.record(submit, .abandoned, in: database.pool) }
            try await expect(usd(12_000), possible: 12_000)
            try await book.record(submits[0], .made, in: database.pool)
            try await expect(usd(12_000), possible: 8000)
            try await book.record(submits[1], .refused, in: database.pool)
            try await expect(usd(8000), possible: 4000)
            let other = ProviderCost(micro: 900, currency: "EUR")
            try await book.record(submits[2], .made, cost: other, in: database.pool)
            try await expect([other] + usd(4000), possible: 0)
            #expect(try await !book.record(submits[2], .abandoned, in: database.pool))
            try await expect([other] + usd(4000), possible: 0)
        }

        /// Nodes record, repeat and contradict each other and close tasks with costs of their own, while usage is folded.
        @Test func usageInvoiceAndBookAgreeWhateverIsRecordedAtOnce() async throws {
            let seed = TestSeed.value
            var random = SeededGenerator(state: seed)
            let database = try await TestDatabase.fresh(connectionsMax: 6)
            let submits = try await submits(24, database)
            let leases = try await database.rows("select lease from leases").compactMap { $0[0].flatMap { Int64($0) } }
            let endings = leases.map { lease in
                Ending(
                    lease: Lease(lease), outcome: .failed(code: "timeout", message: "no"), units: 0, provider: "far",
                    cost: Self.cost)
            }
            let words = submits.flatMap { submit in
                [SubmitState.abandoned, .made, .refused, .accepted, .abandoned, .made].map { (submit, $0) }
            }.shuffled(using: &random)
            let costs = words.map { _ in
                ProviderCost(micro: .random(in: 0...9, using: &random), currency: Bool.random(using: &random) ? "USD" : "EUR")
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for ((submit, state), cost) in zip(words, costs) {
                    group.addTask {
                        try await book.record(
                            submit, state, providerTaskID: "p-\(submit)", cost: state == .made ? cost : nil, in: database.pool)
                    }
                }
                for ending in endings { group.addTask { _ = try await TaskQueue(leaseSeconds: 60).close([ending], in: database.pool) } }
                for _ in 0..<20 { group.addTask { _ = try await UsageFold()(in: database.pool) } }
                try await group.waitForAll()
            }
            #expect(try await ledgerDrift(database) == [], "seed \(seed)")
            try await database.foldUsage()
            #expect(try await ledgerDrift(database) == [], "seed \(seed)")
            var query = UsageQuery()
            query.by = .provider
            for line in try await ReportBook().usage(query, in: database.pool) where line.label != "-" {
                let found = Dictionary(uniqueKeysWithValues: line.costs.map { ($0.currency, $0.micro) })
                #expect(try await invoice(line.label, database) == found, "seed \(seed)")
            }
            #expect(try await database.number("select count(*) from usage_facts where cost <> 0 and event is not null") == 0)
        }

        /// What the comparison with an invoice that bills nothing expects, by currency.
        private func invoice(_ provider: String, _ database: TestDatabase) async throws -> [String: Int64] {
            let connection = try await Connection.open(database.ownerAddress)
            _ = try await connection.runText("begin; select open_invoice()")
            let period = "now() - interval '1 day', now() + interval '1 day'"
            let rows = try await connection.runText(
                """
                select close_invoice('\(provider)', \(period), sha256('\(provider)'), 'f', '{}', 0, 'USD', 6);
                select expected_currency, sum(expected) from invoice_sums s join invoice_runs r on r.id = s.run_id
                where r.provider = '\(provider)' group by 1
                """)
            _ = try await connection.runText("commit")
            return Dictionary(uniqueKeysWithValues: rows.compactMap { row in row[0].map { ($0, Int64(row[1] ?? "") ?? -1) } })
        }

        /// An installation from before costs had facts of their own: its sums are right from the migration on.
        @Test func costsOfClosingFactsMoveToTheSubmits() async throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "before-bills-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let names = try FileManager.default.contentsOfDirectory(atPath: RepositoryPaths.migrations)
            for name in names where name.hasSuffix(".sql") && name < "0018" {
                try FileManager.default.copyItem(
                    atPath: "\(RepositoryPaths.migrations)/\(name)", toPath: folder.appending(path: name).path)
            }
            let database = try await TestDatabase.migrated(from: folder.path, connectionsMax: 2)
            let submits = try await submits(4, database)
            let leases = try await database.rows("select lease from leases order by task_id").compactMap { $0[0].flatMap { Int64($0) } }
            // The closing of the first is right; the second's provider is another than the closing's; the third's cost is
            // possible; the fourth was made after its task had ended without a cost.
            for (submit, state) in zip(submits, [SubmitState.made, .made, .abandoned, .made]) {
                try await book.record(submit, state, in: database.pool)
            }
            let queue = TaskQueue(leaseSeconds: 60)
            for (place, lease) in leases.enumerated() {
                let ending = Ending(
                    lease: Lease(lease), outcome: .failed(code: "x", message: "no"), units: 0, provider: "far",
                    cost: place == 3 ? nil : Self.cost)
                _ = try await queue.close([ending], in: database.pool)
                if place == 0 { try await database.foldUsage() }
            }
            #expect(try await database.number("select sum(cost) from usage_facts") == 12_000)
            _ = try await Migrator(folder: RepositoryPaths.migrations).apply(database.ownerAddress)
            var query = UsageQuery()
            query.by = .provider
            for _ in 0..<2 {
                let lines = try await ReportBook().usage(query, in: database.pool).filter { $0.label != "-" }
                #expect(lines.map(\.label) == ["far", "near"] && lines.map { $0.costs.map(\.micro) } == [[8000], [8000]])
                #expect(lines.map { $0.possibleCosts.map(\.micro) } == [[4000], []])
                #expect(try await ledgerDrift(database) == [])
                try await database.foldUsage()
            }
        }
    }
}
