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
    /// Corrections by people, up less down.
    public let adjusted: Credits
    /// All that completed tasks cost.
    public let settled: Credits
    /// All that ran out unused.
    public let expired: Credits
}

/// A grant with a date, of which something is left.
public struct ExpiringGrant: Sendable, Equatable {
    /// The grant's number.
    public let id: Int64
    /// What was granted.
    public let amount: Credits
    /// What can be reserved.
    public let remaining: Credits
    /// What live tasks drew.
    public let reserved: Credits
    /// When the rest expires.
    public let expiresAt: Date
}

/// One line of the ledger as people read it.
public struct EntryLine: Sendable {
    /// The entry's number.
    public let id: Int64
    /// When it was written.
    public let at: Date
    /// `grant`, `adjust`, `reserve`, `settle`, `refund`, `remainder` or `expire`.
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
    /// The grant with a date that began or expired.
    public let grantID: Int64?
    /// Why, for entries made by people.
    public let reason: String?
    /// Who, for entries made by people.
    public let actor: String?
}
