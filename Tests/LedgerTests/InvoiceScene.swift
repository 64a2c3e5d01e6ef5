import Domain
import Foundation
import Postgres
import Synchronization
import TestSupport

@testable import Ledger

/// A database with attempts, and invoices to compare with them. The period is November 2026.
struct InvoiceScene {
    /// An attempt as the ledger knows it; times in SQL.
    struct Done {
        var provider = "acme"
        var id: String?
        var cost: Int64?
        var currency = "USD"
        var started = "2026-11-10 12:00:00Z"
        var ended = "2026-11-10 12:00:05Z"
    }

    static let from = Date(timeIntervalSince1970: 1_793_491_200)
    static let to = Date(timeIntervalSince1970: 1_796_083_200)

    let database: TestDatabase
    private let tasks = Counter()

    static func make(connectionsMax: Int = 1) async throws -> InvoiceScene {
        InvoiceScene(database: try await TestDatabase.fresh(connectionsMax: connectionsMax))
    }

    /// Writes attempts down with the owner's rights; each is of another task.
    func done(_ attempts: [Done]) async throws {
        let values = attempts.map { attempt in
            let task = tasks.next()
            let id = attempt.id.map { "'\($0)'" } ?? "null"
            let cost = attempt.cost.map { "\($0), '\(attempt.currency)'" } ?? "null, null"
            return "(\(task), 1, \(task), 'node', '\(attempt.provider)', \(id), \(cost), 'completed', "
                + "'\(attempt.started)', '\(attempt.ended)')"
        }
        try await database.rows(
            """
            insert into attempts (task_id, number, lease, node, provider, provider_task_id, cost, currency, outcome,
                started_at, ended_at) values \(values.joined(separator: ", "))
            """)
    }

    /// Compares an invoice.
    func compare(
        _ text: String, _ format: InvoiceFormat = .plain, provider: String = "acme", from: Date = from, to: Date = to,
        file: String = "invoice.csv"
    ) async throws -> InvoiceResult {
        let plan = InvoicePlan(provider: provider, from: from, to: to, file: file)
        let result = try await database.pool.transaction { transaction in
            let rest = Mutex<[UInt8]?>(Array(text.utf8))
            let feed = InvoiceFeed(format) { rest.withLock { $0.take() } }
            let run = try await InvoiceBook().reconcile(plan, feed, in: transaction)
            return try await InvoiceBook().result(run, in: transaction)
        }
        guard let result else { throw TestFailure("no result") }
        return result
    }

    /// An invoice of lines without times.
    func compare(lines: [String], change: (inout InvoiceFormat) throws -> Void = { _ in }) async throws -> InvoiceResult {
        var format = InvoiceFormat.plain
        try format.map("time=")
        try change(&format)
        return try await compare((["id,amount,currency"] + lines).joined(separator: "\n"), format)
    }

    /// Everything that is kept, as text.
    func kept() async throws -> [[String?]] {
        try await database.rows(
            """
            select (select string_agg(r::text, ' ' order by r.id) from invoice_runs r),
                (select string_agg(s::text, ' ' order by s.run_id, s.kind, s.currency) from invoice_sums s),
                (select string_agg(f::text, ' ' order by f.run_id, f.kind, f.number) from invoice_findings f)
            """)
    }
}

/// Numbers from 1 on.
final class Counter: Sendable {
    private let last = Mutex(0)
    func next() -> Int {
        last.withLock { last in
            last += 1
            return last
        }
    }
}

extension InvoiceFinding {
    /// In few words: `price_drift 3 a 4201 USD / 4200 USD`.
    var words: String {
        let line = line.map(String.init) ?? "-"
        return "\(kind.rawValue) \(line) \(providerTaskID ?? "-") \(billed) \(currency) / \(expected) \(expectedCurrency)"
    }
}
