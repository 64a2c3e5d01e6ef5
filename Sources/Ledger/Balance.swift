public import Domain
public import Foundation

/// What an account has, in one mode.
public struct Balance: Sendable, Equatable {
    /// Credits that can be reserved.
    public let available: Credits
    /// Credits set aside for live tasks.
    public let reserved: Credits
    /// All that was ever granted.
    public let granted: Credits
    /// All that completed tasks cost.
    public let settled: Credits
    /// All that ran out unused.
    public let expired: Credits
}

/// One line of the ledger as people read it.
public struct EntryLine: Sendable {
    /// The entry's number.
    public let id: Int64
    /// When it was written.
    public let at: Date
    /// `grant`, `reserve`, `settle`, `refund`, `remainder` or `expire`.
    public let kind: String
    /// The ledger account that the amount left.
    public let debit: String
    /// The ledger account that the amount went to.
    public let credit: String
    /// The amount.
    public let amount: Credits
    /// The task, where there is one.
    public let taskID: TaskID?
    /// When the task was made; with its number this is its public id.
    public let taskCreatedAt: Date?
    /// Why, for entries made by people.
    public let reason: String?
    /// Who, for entries made by people.
    public let actor: String?
}
