public import Domain
public import Foundation

/// What a usage report is about. Nil fields do not narrow it.
public struct UsageQuery: Sendable {
    /// The dimension of its rows.
    public enum Dimension: String, Sendable, CaseIterable {
        case day, hour, group, account, key, model, provider
    }

    /// A user group's name.
    public var group: String?
    /// An account's name.
    public var account: String?
    /// A key's number.
    public var keyID: Int64?
    /// A model's name.
    public var model: String?
    /// The first moment: a full hour in UTC.
    public var from: Date?
    /// The first moment after it: a full hour in UTC.
    public var to: Date?
    /// Live or test.
    public var mode: AccountMode = .live
    /// The dimension of its rows.
    public var by: Dimension = .day

    /// A report of all live usage by day.
    public init() {}

    /// Refuses a period that the rollups cannot answer exactly, or that is empty.
    func checkPeriod() throws(ReportError) {
        for bound in [from, to].compactMap({ $0 }) where !bound.isMultiple(ofSeconds: 3600) {
            throw .notFullHour(bound)
        }
        if let from, let to, from >= to { throw .emptyPeriod(from: from, to: to) }
    }

    /// The coarsest rollups that answer exactly, as the database names them.
    var grain: String {
        let isOfFullDays = [from, to].compactMap { $0 }.allSatisfy { $0.isMultiple(ofSeconds: 86_400) }
        guard by != .hour, isOfFullDays else { return "hour" }
        let tellsAccountsApart = account != nil || keyID != nil || by == .account || by == .key
        return tellsAccountsApart ? "account_day" : "day"
    }
}

extension Date {
    fileprivate func isMultiple(ofSeconds seconds: Double) -> Bool {
        timeIntervalSince1970.truncatingRemainder(dividingBy: seconds) == 0
    }
}

/// One row of a usage report, or its total.
public struct UsageLine: Sendable, Equatable {
    /// The day, hour, group, account, key, model or provider.
    public let label: String
    /// Tasks submitted.
    public let submitted: Int64
    /// Tasks completed.
    public let completed: Int64
    /// Tasks failed.
    public let failed: Int64
    /// Tasks cancelled.
    public let cancelled: Int64
    /// Credits set aside by the tasks submitted.
    public let reserved: Credits
    /// Credits that completed tasks cost.
    public let settled: Credits
    /// Credits that came back.
    public let refunded: Credits
    /// What providers are expected to bill, also for tasks that were refunded, one for each currency, in the order of their
    /// names; none is 0.
    public let costs: [ProviderCost]
    /// What of that may not be billed: submits that were never answered.
    public let possibleCosts: [ProviderCost]

    /// The sum of rows.
    public static func total(_ lines: [UsageLine], label: String = "total") -> UsageLine {
        func sum(_ value: (UsageLine) -> Int64) -> Int64 { lines.reduce(0) { $0 + value($1) } }
        func sum(_ value: (UsageLine) -> [ProviderCost]) -> [ProviderCost] {
            Dictionary(grouping: lines.flatMap(value), by: \.currency).map { currency, costs in
                ProviderCost(micro: costs.reduce(0) { $0 + $1.micro }, currency: currency)
            }.sorted { $0.currency < $1.currency }
        }
        return UsageLine(
            label: label, submitted: sum(\.submitted), completed: sum(\.completed), failed: sum(\.failed),
            cancelled: sum(\.cancelled), reserved: Credits(micro: sum(\.reserved.micro)),
            settled: Credits(micro: sum(\.settled.micro)), refunded: Credits(micro: sum(\.refunded.micro)),
            costs: sum(\.costs), possibleCosts: sum(\.possibleCosts))
    }
}
