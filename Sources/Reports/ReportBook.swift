public import Domain
public import Postgres

/// A name that a report was asked for does not exist.
public enum ReportError: Error, CustomStringConvertible {
    case unknown(kind: String, name: String)

    public var description: String {
        switch self {
        case .unknown("model", let name): "there is no model '\(name)': see `zadmin price list`"
        case .unknown(let kind, let name): "there is no \(kind) '\(name)': see `zadmin \(kind) list`"
        }
    }
}

/// Read-only answers about tasks and usage.
public struct ReportBook: Sendable {
    /// The book has no state.
    public init() {}

    /// One task; nil when there is none with that number.
    public func task(_ id: TaskID, in session: any Session) async throws(PostgresError) -> TaskView? {
        try await session.first(ReportsStatements.task, [Parameter(id.value)], decode: Self.view)
    }

    /// The newest tasks, at most 200.
    public func tasks(
        account: String?, state: TaskState?, in session: any Session
    ) async throws(PostgresError) -> [TaskView] {
        try await session.query(
            ReportsStatements.tasks, [Parameter(account), Parameter(state?.rawValue)], decode: Self.view)
    }

    /// Usage by the dimension that the query names.
    public func usage(_ query: UsageQuery, in session: any Session) async throws -> [UsageLine] {
        let known = try await session.one(
            ReportsStatements.known, [Parameter(query.group), Parameter(query.account), Parameter(query.model)]
        ) { (row) throws(PostgresError) in
            (group: try row.get(0, as: Bool.self), account: try row.get(1, as: Bool.self),
                model: try row.get(2, as: Bool.self))
        }
        if !known.group { throw ReportError.unknown(kind: "group", name: query.group ?? "") }
        if !known.account { throw ReportError.unknown(kind: "account", name: query.account ?? "") }
        if !known.model { throw ReportError.unknown(kind: "model", name: query.model ?? "") }
        let parameters = [
            Parameter(query.group), Parameter(query.account), Parameter(query.keyID), Parameter(query.model),
            Parameter(query.from), Parameter(query.to), Parameter(query.mode.rawValue), Parameter(query.by.rawValue),
        ]
        return try await session.query(ReportsStatements.usage, parameters) { (row) throws(PostgresError) in
            UsageLine(
                label: try row.get(0), submitted: try row.get(1), completed: try row.get(2), failed: try row.get(3),
                cancelled: try row.get(4), reserved: Credits(micro: try row.get(5)),
                settled: Credits(micro: try row.get(6)), refunded: Credits(micro: try row.get(7)))
        }
    }

    @Sendable private static func view(_ row: Row) throws(PostgresError) -> TaskView {
        TaskView(
            id: TaskID(try row.get(0)), state: TaskState(rawValue: try row.get(1)) ?? .failed,
            accountID: try row.get(2), account: try row.get(3), mode: try row.get(4), model: try row.get(5),
            dialect: try row.get(6), rule: BillingRule(rawValue: try row.get(7)) ?? .perCall,
            userGroup: try row.get(8), reserved: Credits(micro: try row.get(9)),
            settled: try row.get(10, as: Int64?.self).map(Credits.init(micro:)), createdAt: try row.get(11),
            startedAt: try row.get(12), finishedAt: try row.get(13), progress: try row.get(14),
            estimatedSeconds: try row.get(15), errorCode: try row.get(16), errorMessage: try row.get(17),
            imagesText: try row.get(18), callbackURL: try row.get(19))
    }
}
