import Domain
import Postgres
import Reports
import TestSupport

/// Writers with transactions of their own and a fold, driven by chance, beside a count of what is committed.
struct FoldModel {
    struct Sums: Equatable {
        var facts: Int64 = 0
        var reserved: Int64 = 0
    }

    private struct Writer {
        let connection: Connection
        var isOpen = false
        var written = Sums()
    }

    private(set) var committed = Sums()
    private(set) var foldsBesideOpenWriters = 0
    private(set) var rollbacks = 0
    private let database: TestDatabase
    private var writers: [Writer] = []
    private var random: SeededGenerator

    init(_ database: TestDatabase, seed: UInt64) async throws {
        self.database = database
        random = SeededGenerator(state: seed)
        for _ in 0..<4 { writers.append(Writer(connection: try await Connection.open(database.ownerAddress))) }
    }

    /// One action of one writer or of the fold.
    mutating func step() async throws {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4: try await write(Int.random(in: 0..<writers.count, using: &random))
        case 4..<6: try await finish(Int.random(in: 0..<writers.count, using: &random))
        default:
            if writers.contains(where: \.isOpen) { foldsBesideOpenWriters += 1 }
            _ = try await UsageFold()(in: database.pool)
        }
    }

    /// Commits everything and folds it.
    mutating func end() async throws {
        for place in writers.indices { try await finish(place) }
        try await database.foldUsage()
    }

    /// What a report of this moment says.
    func seen() async throws -> Sums {
        let total = UsageLine.total(try await ReportBook().usage(UsageQuery(), in: database.pool))
        return Sums(facts: total.submitted, reserved: total.reserved.micro)
    }

    private mutating func write(_ place: Int) async throws {
        if !writers[place].isOpen { _ = try await writers[place].connection.runText("begin") }
        writers[place].isOpen = true
        let count = Int64.random(in: 1...3, using: &random)
        let amount = Int64.random(in: 0...9, using: &random)
        let account = Int.random(in: 1...3, using: &random)
        _ = try await writers[place].connection.runText(
            """
            insert into usage_facts (at, event, mode, group_id, model_id, account_id, key_id, reserved)
            select now(), 'submitted', 'live', 1, 1, \(account), \(account), \(amount) from generate_series(1, \(count))
            """)
        writers[place].written.facts += count
        writers[place].written.reserved += count * amount
    }

    private mutating func finish(_ place: Int) async throws {
        guard writers[place].isOpen else { return }
        let commits = Int.random(in: 0..<4, using: &random) > 0
        _ = try await writers[place].connection.runText(commits ? "commit" : "rollback")
        if commits {
            committed.facts += writers[place].written.facts
            committed.reserved += writers[place].written.reserved
        } else {
            rollbacks += 1
        }
        writers[place].isOpen = false
        writers[place].written = Sums()
    }
}
