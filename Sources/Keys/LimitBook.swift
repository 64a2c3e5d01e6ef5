public import Domain
public import Postgres

/// The figures of a limit; nil is none.
public struct LimitPlan: Sendable, Equatable {
    /// Requests per minute.
    public var requestsPerMinute: Int?
    /// Requests at once; nil is as many as per minute.
    public var burst: Int?
    /// Tasks that may run at once.
    public var maxRunning: Int?
    /// Tasks that may wait at once.
    public var maxPending: Int?

    /// No limit.
    public init() {}
}

/// A limit as lists show it.
public struct LimitListing: Sendable {
    /// Whose limit: of one key, of one account, or of each account of a group.
    public let scope: QuotaScope
    /// The key's number, or the name of the account or group.
    public let subject: String
    /// The model that it is about; nil is all together.
    public let model: String?
    /// Its figures.
    public let plan: LimitPlan
}

/// Why a limit cannot be set.
public enum LimitError: Error, Sendable, Equatable {
    case unknownSubject
    case unknownModel
    /// A burst says how many of the requests per minute may come at once.
    case burstWithoutRate
}

/// Limits on requests, waiting and running tasks of keys, accounts and groups, for all models together or for one. Each
/// holds by itself over all nodes, so the strictest wins.
public struct LimitBook: Sendable {
    /// The book has no state.
    public init() {}

    /// Changes a limit, or lifts it when nothing is left of it; answers what holds now.
    public func change(
        _ scope: QuotaScope, _ subject: String, model: String?, in transaction: Transaction,
        _ change: @Sendable (inout LimitPlan) -> Void
    ) async throws -> LimitPlan {
        let key = [Parameter(scope.rawValue), Parameter(subject), Parameter(model)]
        let found = try await transaction.one(KeysStatements.limit, key) { (row) throws(PostgresError) in
            (subject: try row.get(0, as: Int64?.self), model: try row.get(1, as: Int?.self), plan: try Self.plan(row, from: 2))
        }
        guard let id = found.subject else { throw LimitError.unknownSubject }
        guard model == nil || found.model != nil else { throw LimitError.unknownModel }
        var plan = found.plan
        change(&plan)
        guard plan.burst == nil || plan.requestsPerMinute != nil else { throw LimitError.burstWithoutRate }
        let figures = [plan.requestsPerMinute, plan.burst, plan.maxRunning, plan.maxPending]
        try await transaction.execute(
            KeysStatements.setLimit,
            [Parameter(scope.rawValue), Parameter(id), Parameter(found.model.map(Int32.init))]
                + figures.map { Parameter($0.map(Int32.init)) })
        return plan
    }

    /// The limits of one key, account or group, or all; at most a thousand.
    public func list(
        _ scope: QuotaScope? = nil, _ subject: String? = nil, in session: any Session
    ) async throws(PostgresError) -> [LimitListing] {
        try await session.query(KeysStatements.limits, [Parameter(scope?.rawValue), Parameter(subject)]) {
            (row) throws(PostgresError) in
            guard let scope = QuotaScope(rawValue: try row.get(0)) else {
                throw PostgresError.unexpectedContent(of: "limits.scope")
            }
            return LimitListing(
                scope: scope, subject: try row.get(1), model: try row.get(2), plan: try Self.plan(row, from: 3))
        }
    }

    private static func plan(_ row: Row, from column: Int) throws(PostgresError) -> LimitPlan {
        var plan = LimitPlan()
        plan.requestsPerMinute = try row.get(column)
        plan.burst = try row.get(column + 1)
        plan.maxRunning = try row.get(column + 2)
        plan.maxPending = try row.get(column + 3)
        return plan
    }
}
