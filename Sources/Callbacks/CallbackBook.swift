public import Domain
public import Foundation
public import Postgres

/// A callback as operators see it.
public struct CallbackListing: Sendable {
    /// Its number.
    public let id: Int64
    /// The task whose end it tells.
    public let taskID: TaskID
    /// When that was submitted.
    public let taskCreatedAt: Date
    /// The account's name.
    public let account: String
    /// Where it goes.
    public let url: String
    /// `waiting`, `delivered` or `given_up`.
    public let state: String
    /// Tries of this round that ended.
    public let attempts: Int
    /// When the next try is due, if it waits.
    public let nextAt: Date
    /// What the last try was answered.
    public let lastStatus: Int?
    /// Why the last try failed.
    public let lastError: String?
    /// When the task ended.
    public let createdAt: Date
    /// When it was delivered.
    public let deliveredAt: Date?
}

/// One try that ended.
public struct DeliveryListing: Sendable {
    /// Counts the tries of the callback, from 1.
    public let number: Int
    /// When it ended.
    public let at: Date
    /// What was answered.
    public let status: Int?
    /// Why it failed.
    public let error: String?
    /// How long it took.
    public let milliseconds: Int
}

/// Which callbacks a list shows.
public enum CallbackFilter: String, Sendable, CaseIterable {
    /// Those that have tries left.
    case waiting
    /// Those of them whose next try is due.
    case due
    /// Those that were answered with 2xx.
    case delivered
    /// Those that have no tries left.
    case givenUp = "given_up"
}

/// The callbacks as operators look at them and start them again.
public struct CallbackBook: Sendable {
    /// The book has no state.
    public init() {}

    /// The newest callbacks of an account, or of all.
    public func list(
        account: String?, filter: CallbackFilter?, limit: Int, in session: any Session
    ) async throws(PostgresError) -> [CallbackListing] {
        let parameters = [Parameter(filter?.rawValue), Parameter(Int32(limit))]
        guard let account else {
            return try await session.query(CallbacksStatements.list, parameters, decode: Self.listing)
        }
        return try await session.query(
            CallbacksStatements.listOfAccount, parameters + [Parameter(account)], decode: Self.listing)
    }

    /// The callback of that number.
    public func callback(_ id: Int64, in session: any Session) async throws(PostgresError) -> CallbackListing? {
        try await session.first(CallbacksStatements.find, [Parameter(id), Parameter(Int64?.none)], decode: Self.listing)
    }

    /// The callback of a task.
    public func callback(of task: TaskID, in session: any Session) async throws(PostgresError) -> CallbackListing? {
        try await session.first(
            CallbacksStatements.find, [Parameter(Int64?.none), Parameter(task.value)], decode: Self.listing)
    }

    /// The tries of a callback that the log still has, the newest first, at most a thousand.
    public func deliveries(of id: Int64, in session: any Session) async throws(PostgresError) -> [DeliveryListing] {
        try await session.query(CallbacksStatements.deliveries, [Parameter(id)]) { (row) throws(PostgresError) in
            DeliveryListing(
                number: try row.get(0), at: try row.get(1), status: try row.get(2), error: try row.get(3),
                milliseconds: try row.get(4))
        }
    }

    /// Makes a callback due now with all its tries before it, also when it was delivered or given up. False when there is
    /// no such callback.
    public func redeliver(_ id: Int64, in session: any Session) async throws(PostgresError) -> Bool {
        try await session.first(CallbacksStatements.redeliver, [Parameter(id)]) { (row) throws(PostgresError) in
            try row.get(0, as: Int64.self)
        } != nil
    }

    private static func listing(_ row: Row) throws(PostgresError) -> CallbackListing {
        CallbackListing(
            id: try row.get(0), taskID: TaskID(try row.get(1)), taskCreatedAt: try row.get(2), account: try row.get(3),
            url: try row.get(4), state: try row.get(5), attempts: try row.get(6), nextAt: try row.get(7),
            lastStatus: try row.get(8), lastError: try row.get(9), createdAt: try row.get(10), deliveredAt: try row.get(11))
    }
}
