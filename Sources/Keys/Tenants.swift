public import Foundation
public import Postgres

/// What an operator decides about a user group; nil leaves it as it is, or without a limit in a new one.
public struct GroupPlan: Sendable {
    /// Share of the workers compared with other groups.
    public var weight: Int?
    /// Requests per minute of each account.
    public var requestsPerMinute: Int?
    /// Requests at once of each account.
    public var burst: Int?
    /// Running tasks of each account.
    public var maxRunning: Int?
    /// Waiting tasks of each account.
    public var maxPending: Int?
    /// Models that the group may use; nil is all.
    public var models: [String]?

    /// Leaves all as it is.
    public init() {}

    fileprivate func parameters(_ name: String) -> [Parameter] {
        [Parameter(name)]
            + [weight, requestsPerMinute, burst, maxRunning, maxPending].map { Parameter($0.map(Int32.init)) }
            + [Parameter(models)]
    }
}

/// A user group as lists show it.
public struct GroupListing: Sendable {
    /// Its name.
    public let name: String
    /// Share of the workers compared with other groups.
    public let weight: Int
    /// Requests per minute of each account.
    public let requestsPerMinute: Int?
    /// Requests at once of each account.
    public let burst: Int?
    /// Running tasks of each account.
    public let maxRunning: Int?
    /// Waiting tasks of each account.
    public let maxPending: Int?
    /// Models that it may use, as `{a,b}`; nil is all.
    public let modelsText: String?
    /// How many accounts belong to it.
    public let accounts: Int64
}

/// An account as lists show it.
public struct AccountListing: Sendable {
    /// Its number.
    public let id: Int64
    /// Its name.
    public let name: String
    /// Its user group.
    public let group: String
    /// When it was suspended.
    public let suspendedAt: Date?
    /// When it was made.
    public let createdAt: Date
    /// Live micro-credits that can be reserved.
    public let availableMicro: Int64
    /// Live micro-credits set aside.
    public let reservedMicro: Int64
    /// Keys that are not revoked.
    public let keys: Int64
}

/// User groups and accounts. Each change answers false when the group or account is not there, or exists already.
public struct Tenants: Sendable {
    /// The directory has no state.
    public init() {}

    /// Makes a group; false when the name is taken.
    public func createGroup(_ name: String, _ plan: GroupPlan, in session: any Session) async throws(PostgresError) -> Bool {
        try await changed(KeysStatements.createGroup, plan.parameters(name), session)
    }

    /// Changes what the plan names; false when there is no such group.
    public func updateGroup(_ name: String, _ plan: GroupPlan, in session: any Session) async throws(PostgresError) -> Bool {
        try await changed(KeysStatements.updateGroup, plan.parameters(name), session)
    }

    /// One group by name, or all.
    public func groups(named name: String?, in session: any Session) async throws(PostgresError) -> [GroupListing] {
        try await session.query(KeysStatements.groups, [Parameter(name)]) { (row) throws(PostgresError) in
            GroupListing(
                name: try row.get(0), weight: try row.get(1), requestsPerMinute: try row.get(2), burst: try row.get(3),
                maxRunning: try row.get(4), maxPending: try row.get(5), modelsText: try row.get(6),
                accounts: try row.get(7))
        }
    }

    /// Makes an account with an empty live wallet; false when there is no such group.
    public func createAccount(
        _ name: String, group: String, actor: String, in session: any Session
    ) async throws(PostgresError) -> Bool {
        try await changed(
            KeysStatements.createAccount, [Parameter(name), Parameter(group), Parameter(actor)], session)
    }

    /// One account by name, or all.
    public func accounts(named name: String?, in session: any Session) async throws(PostgresError) -> [AccountListing] {
        try await session.query(KeysStatements.accounts, [Parameter(name)]) { (row) throws(PostgresError) in
            AccountListing(
                id: try row.get(0), name: try row.get(1), group: try row.get(2), suspendedAt: try row.get(3),
                createdAt: try row.get(4), availableMicro: try row.get(5), reservedMicro: try row.get(6),
                keys: try row.get(7))
        }
    }

    /// Suspends an account, or lets it go on.
    public func suspend(_ name: String, _ suspended: Bool, in session: any Session) async throws(PostgresError) -> Bool {
        try await changed(KeysStatements.suspendAccount, [Parameter(name), Parameter(suspended)], session)
    }

    /// Moves an account to another group; tasks keep the group that they were made in.
    public func move(_ name: String, to group: String, in session: any Session) async throws(PostgresError) -> Bool {
        try await changed(KeysStatements.moveAccount, [Parameter(name), Parameter(group)], session)
    }

    private func changed(
        _ statement: Statement, _ parameters: [Parameter], _ session: any Session
    ) async throws(PostgresError) -> Bool {
        let row = try await session.first(statement, parameters) { (row) throws(PostgresError) in
            try row.get(0, as: Int64.self)
        }
        return row != nil
    }
}
