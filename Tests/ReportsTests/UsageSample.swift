import Domain
import Foundation
import Reports
import TestSupport

/// Many facts of every kind around the turn of a month, of which a part is folded, and the sums that a report should
/// have, taken from the facts one by one.
struct UsageSample {
    private struct Fact {
        let atSeconds: Double
        let event: String
        let mode: String
        let group: String
        let model: String
        let account: String
        let keyID: Int64
        let provider: String
        let reserved: Int64
        let settled: Int64
        let refunded: Int64
        let cost: Int64
        let currency: String
        let possible: Int64
    }

    /// The sums of one row.
    struct Sums: Equatable {
        var counts: [String: Int64] = [:]
        var credits: [Int64] = [0, 0, 0]
        var costs: [String: Int64] = [:]
        var possible: [String: Int64] = [:]

        init() {}

        init(_ line: UsageLine) {
            counts = [
                "submitted": line.submitted, "completed": line.completed, "failed": line.failed, "cancelled": line.cancelled,
            ].filter { $0.value > 0 }
            credits = [line.reserved.micro, line.settled.micro, line.refunded.micro]
            costs = Dictionary(line.costs.map { ($0.currency, $0.micro) }) { $0 + $1 }
            possible = Dictionary(line.possibleCosts.map { ($0.currency, $0.micro) }) { $0 + $1 }
        }
    }

    let database: TestDatabase
    let accounts = ["acme", "beta", "gamma"]
    let keys: [Int64]
    /// The middle of the facts: the first moment of the present month.
    let middle: Date
    private let facts: [Fact]

    static func make() async throws -> UsageSample {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        try await database.makeGroup("vip")
        try await database.rows("insert into models (name) values ('other')")
        let tenants = [
            try await Tenant.make(database, name: "acme"), try await Tenant.make(database, name: "beta"),
            try await Tenant.make(database, name: "gamma", group: "vip"), try await Tenant.make(database, name: "acme"),
        ]
        try await insert(700, database)
        try await database.foldUsage()
        try await insert(300, database)
        let seconds = try await database.number("select extract(epoch from date_trunc('month', now()))::bigint")
        return UsageSample(
            database: database, keys: tenants.map(\.keyID), middle: Date(timeIntervalSince1970: TimeInterval(seconds)),
            facts: try await read(database))
    }

    /// Within three days of the turn of the month, a tenth of them on the full hour.
    private static func insert(_ count: Int, _ database: TestDatabase) async throws {
        try await database.rows(
            """
            insert into usage_facts (at, event, mode, group_id, model_id, account_id, key_id, provider, reserved, settled,
                refunded, cost, currency)
            select case when random() < 0.1 then date_trunc('hour', d.at) else d.at end, d.event,
                case when random() < 0.9 then 'live' else 'test' end::account_mode,
                case when random() < 0.5 then a.group_id else 1 end, 1 + floor(random() * 2), k.account_id, k.id,
                case when d.event <> 'submitted' then (array['novita', 'highway', '-'])[1 + floor(random() * 3)] end,
                d.n, d.n * 7, d.n * 11, case when d.currency is not null then d.n * 13 else 0 end, d.currency
            from (select n, date_trunc('month', now()) + (random() - 0.5) * interval '6 days' as at,
                    (enum_range(null::usage_event))[1 + floor(random() * 4)] as event,
                    (array['USD', 'EUR', null])[1 + floor(random() * 3)] as currency,
                    1 + floor(random() * 4) as place
                from generate_series(1, \(count)) n) d
                join (select *, row_number() over (order by id) place from api_keys) k on k.place = d.place
                join accounts a on a.id = k.account_id;
            -- Some of the costs are facts of their own, and some of those only possible.
            update usage_facts set event = null, reserved = 0, settled = 0, refunded = 0,
                possible = case when id % 2 = 0 then cost else 0 end
            where id % 3 = 0 and cost > 0 and event <> 'submitted' and id > (select folded_to from usage_fold)
            """)
    }

    private static func read(_ database: TestDatabase) async throws -> [Fact] {
        try await database.rows(
            """
            select extract(epoch from f.at), f.event, f.mode, g.name, m.name, a.name, f.key_id, coalesce(f.provider, '-'),
                f.reserved, f.settled, f.refunded, f.cost, coalesce(f.currency, ''), f.possible
            from usage_facts f join user_groups g on g.id = f.group_id join models m on m.id = f.model_id
                join accounts a on a.id = f.account_id
            """
        ).map { row in
            func text(_ column: Int) -> String { row[column] ?? "" }
            func number(_ column: Int) -> Int64 { Int64(text(column)) ?? -1 }
            return Fact(
                atSeconds: Double(text(0)) ?? -1, event: text(1), mode: text(2), group: text(3), model: text(4),
                account: text(5), keyID: number(6), provider: text(7), reserved: number(8), settled: number(9),
                refunded: number(10), cost: number(11), currency: text(12), possible: number(13))
        }
    }

    /// What the report should say, by label.
    func expected(_ query: UsageQuery) -> [String: Sums] {
        facts.filter { belongs($0, to: query) }.reduce(into: [:]) { rows, fact in
            let label = label(fact, query.by)
            if !fact.event.isEmpty { rows[label, default: Sums()].counts[fact.event, default: 0] += 1 }
            for (place, amount) in [fact.reserved, fact.settled, fact.refunded].enumerated() {
                rows[label, default: Sums()].credits[place] += amount
            }
            if fact.cost > 0 { rows[label, default: Sums()].costs[fact.currency, default: 0] += fact.cost }
            if fact.possible > 0 { rows[label, default: Sums()].possible[fact.currency, default: 0] += fact.possible }
        }
    }

    private func belongs(_ fact: Fact, to query: UsageQuery) -> Bool {
        fact.mode == query.mode.rawValue && query.group.map { $0 == fact.group } ?? true
            && query.account.map { $0 == fact.account } ?? true && query.keyID.map { $0 == fact.keyID } ?? true
            && query.model.map { $0 == fact.model } ?? true
            && query.from.map { $0.timeIntervalSince1970 <= fact.atSeconds } ?? true
            && query.to.map { $0.timeIntervalSince1970 > fact.atSeconds } ?? true
    }

    private func label(_ fact: Fact, _ by: UsageQuery.Dimension) -> String {
        let text = Date(timeIntervalSince1970: fact.atSeconds.rounded(.down)).formatted(.iso8601)
        return switch by {
        case .day: String(text.prefix(10))
        case .hour: text.prefix(10) + " " + text.dropFirst(11).prefix(2) + ":00"
        case .group: fact.group
        case .account: fact.account
        case .key: "\(fact.keyID)"
        case .model: fact.model
        case .provider: fact.provider
        }
    }
}
