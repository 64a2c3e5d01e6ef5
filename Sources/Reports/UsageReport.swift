public import Domain
public import Foundation

/// What a usage report is about. Nil fields do not narrow it.
public struct UsageQuery: Sendable {
    /// The dimension of its rows.
    public enum Dimension: String, Sendable, CaseIterable {
        case day, hour, account, key, model, provider
    }

    /// A user group's name.
    public var group: String?
    /// An account's name.
    public var account: String?
    /// A key's number.
    public var keyID: Int64?
    /// A model's name.
    public var model: String?
    /// The first moment.
    public var from: Date?
    /// The first moment after it.
    public var to: Date?
    /// Live or test.
    public var mode: AccountMode = .live
    /// The dimension of its rows.
    public var by: Dimension = .day

    /// A report of all live usage by day.
    public init() {}
}

/// One row of a usage report, or its total.
public struct UsageLine: Sendable, Equatable {
    /// The day, hour, account, key, model or provider.
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

    /// A row of a report.
    public init(
        label: String, submitted: Int64, completed: Int64, failed: Int64, cancelled: Int64, reserved: Credits,
        settled: Credits, refunded: Credits
    ) {
        self.label = label
        self.submitted = submitted
        self.completed = completed
        self.failed = failed
        self.cancelled = cancelled
        self.reserved = reserved
        self.settled = settled
        self.refunded = refunded
    }

    /// The sum of rows.
    public static func total(_ lines: [UsageLine]) -> UsageLine {
        func sum(_ value: (UsageLine) -> Int64) -> Int64 { lines.reduce(0) { $0 + value($1) } }
        return UsageLine(
            label: "total", submitted: sum(\.submitted), completed: sum(\.completed), failed: sum(\.failed),
            cancelled: sum(\.cancelled), reserved: Credits(micro: sum(\.reserved.micro)),
            settled: Credits(micro: sum(\.settled.micro)), refunded: Credits(micro: sum(\.refunded.micro)))
    }
}
