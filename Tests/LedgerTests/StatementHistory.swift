import Domain
import Foundation
import Postgres
import TestSupport

@testable import Ledger

/// A wallet's entries of four months, made by chance, and what its statements should say. They are written down with the
/// owner's rights, because the service writes no entry of another month than this one.
struct StatementHistory {
    struct Expected {
        var opening: StatementBalance
        var closing: StatementBalance
        var counts: [String: Int64] = [:]
        /// Micro-credits by day and model.
        var uses: [String: Int64] = [:]
    }

    private struct Task {
        let id: Int64
        let period: String
        let reserved: Int64
    }

    let account: String
    private(set) var months: [StatementMonth] = []
    private(set) var expected: [Expected] = []
    private let walletID: Int64
    private let prices: [(id: Int64, model: String)]
    private var random: SeededGenerator
    private var balance = StatementBalance(available: .zero, reserved: .zero)
    private var live: [Task] = []
    private var rows: [String] = []
    private var totals: [String: Int64] = [:]

    /// Last month to the month after the next, as far as there are partitions.
    static func make(_ database: TestDatabase, account: String, seed: UInt64) async throws -> StatementHistory {
        let tenant = try await Tenant.make(database, name: account, credits: "0")
        let starts = try await database.rows(
            "select to_char(now() at time zone 'UTC' + make_interval(months => m), 'YYYY-MM') from generate_series(-1, 2) m order by m"
        )
        let prices = [
            (try await database.setPrice(micro: 1), "z-image-turbo"),
            (try await database.setPrice(model: "other", micro: 1), "other"),
        ]
        var history = StatementHistory(
            account: account, walletID: tenant.walletID, prices: prices.map { (id: $0.0, model: $0.1) }, seed: seed)
        for start in starts { history.fill(try StatementMonth(start[0] ?? "").orFail()) }
        try await history.write(database)
        return history
    }

    private init(account: String, walletID: Int64, prices: [(id: Int64, model: String)], seed: UInt64) {
        self.account = account
        self.walletID = walletID
        self.prices = prices
        random = SeededGenerator(state: seed)
    }

    private mutating func fill(_ month: StatementMonth) {
        months.append(month)
        expected.append(Expected(opening: balance, closing: balance))
        let length = Int(month.to.timeIntervalSince(month.from))
        // The first and the last second are inside; the clock only goes forward.
        var seconds = (0..<100).map { _ in Int.random(in: 0..<length, using: &random) } + [0, length - 1]
        seconds.sort()
        for second in seconds { step(month, month.from + TimeInterval(second)) }
        expected[expected.count - 1].closing = balance
    }

    private mutating func step(_ month: StatementMonth, _ at: Date) {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<2: add("grant", "granted", "available", Int64.random(in: 1...50_000, using: &random), month, at)
        case 2 where balance.available.micro > 0:
            add("expire", "available", "expired", Int64.random(in: 0...balance.available.micro, using: &random), month, at)
        case 3..<7 where balance.available.micro > 0:
            let amount = Int64.random(in: 0...min(9_000, balance.available.micro), using: &random)
            let task = Task(id: walletID * 100_000 + Int64(rows.count), period: "\(month)-01", reserved: amount)
            live.append(task)
            add("reserve", "available", "reserved", amount, month, at, task)
        default: end(month, at)
        }
    }

    /// Ends a task of any month before.
    private mutating func end(_ month: StatementMonth, _ at: Date) {
        guard !live.isEmpty else { return }
        let task = live.remove(at: Int.random(in: 0..<live.count, using: &random))
        guard Int.random(in: 0..<3, using: &random) > 0 else {
            return add("refund", "reserved", "available", task.reserved, month, at, task)
        }
        let settled = Int64.random(in: 0...task.reserved, using: &random)
        add("settle", "reserved", "revenue", settled, month, at, task)
        if settled < task.reserved { add("remainder", "reserved", "available", task.reserved - settled, month, at, task) }
    }

    private mutating func add(
        _ kind: String, _ debit: String, _ credit: String, _ amount: Int64, _ month: StatementMonth, _ at: Date,
        _ task: Task? = nil
    ) {
        let price = prices[Int(task?.id ?? 0) % prices.count]
        let time = at.formatted(.iso8601)
        rows.append(
            "('\(task?.period ?? "\(month)-01")', \(walletID), '\(kind)', '\(debit)', '\(credit)', \(amount), "
                + (task.map { "\($0.id), \(price.id)" } ?? "null, null")
                + ", '\(time)', \(kind == "expire" ? "1" : "null"), 'test', 'test')")
        totals[debit, default: 0] -= amount
        totals[credit, default: 0] += amount
        balance = StatementBalance(
            available: Credits(micro: totals["available"] ?? 0), reserved: Credits(micro: totals["reserved"] ?? 0))
        let last = expected.count - 1
        expected[last].counts[kind, default: 0] += 1
        if kind == "settle" { expected[last].uses["\(time.prefix(10)) \(price.model)", default: 0] += amount }
    }

    private func write(_ database: TestDatabase) async throws {
        // In any order: the numbers of entries need not follow their times.
        try await database.rows(
            """
            insert into entries (period, wallet_id, kind, debit, credit, amount, task_id, price_id, at, grant_id, reason,
                actor)
            values \(rows.shuffled().joined(separator: ", "))
            """)
        try await database.rows(
            """
            update wallets set available = \(totals["available"] ?? 0), reserved = \(totals["reserved"] ?? 0),
                granted = \(-(totals["granted"] ?? 0)), settled = \(totals["revenue"] ?? 0), expired = \(totals["expired"] ?? 0)
            where id = \(walletID)
            """)
    }
}

extension Optional {
    /// The value, or a failure of the test.
    fileprivate func orFail() throws -> Wrapped {
        guard let self else { throw TestFailure("no value") }
        return self
    }
}
