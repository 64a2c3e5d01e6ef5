public import Domain
public import Postgres

/// Read-only answers about tasks and usage.
public struct ReportBook: Sendable {
    /// The book has no state.
    public init() {}

    /// One task; nil when there is none with that number.
    public func task(_ id: TaskID, in session: any Session) async throws(PostgresError) -> TaskView? {
        try await session.first(ReportsStatements.task, [Parameter(id.value)], decode: Self.view)
    }

    /// What was tried for a task, the first attempt first; of many the last 50.
    public func attempts(of id: TaskID, in session: any Session) async throws(PostgresError) -> [AttemptView] {
        let newestFirst = try await session.query(ReportsStatements.attempts, [Parameter(id.value)]) {
            (row) throws(PostgresError) in
            AttemptView(
                number: try row.get(0), node: try row.get(1), provider: try row.get(2), outcome: try row.get(3),
                startedAt: try row.get(4), endedAt: try row.get(5))
        }
        return newestFirst.reversed()
    }

    /// Those of some tasks whose state or progress is no longer as it is known; nil is not known at all.
    public func changedTasks(
        _ known: [TaskID: TaskView?], in session: any Session
    ) async throws(PostgresError) -> [TaskView] {
        let known = Array(known)
        let parameters = [
            Parameter(known.map(\.key.value)), Parameter(known.map(\.value?.state.rawValue)),
            Parameter(known.map { $0.value.map { Int32($0.progress) } }),
        ]
        return try await session.query(ReportsStatements.changedTasks, parameters, decode: Self.view)
    }

    /// The newest tasks, at most 200.
    public func tasks(
        account: String?, state: TaskState?, in session: any Session
    ) async throws(PostgresError) -> [TaskView] {
        try await session.query(
            ReportsStatements.tasks, [Parameter(account), Parameter(state?.rawValue)], decode: Self.view)
    }

    /// Usage by the dimension that the query names: exact, with all that is committed, whatever is folded.
    public func usage(_ query: UsageQuery, in session: any Session) async throws -> [UsageLine] {
        try query.checkPeriod()
        try await checkNames(query, in: session)
        let parameters = [
            Parameter(query.group), Parameter(query.account), Parameter(query.keyID), Parameter(query.model),
            Parameter(query.from), Parameter(query.to), Parameter(query.mode.rawValue), Parameter(query.by.rawValue),
            Parameter(query.grain),
        ]
        let rows = try await session.query(ReportsStatements.usage, parameters, decode: Self.line)
        guard rows.count <= ReportsStatements.usageRowsMax else { throw ReportError.tooManyRows(ReportsStatements.usageRowsMax) }
        // The rows of a label stand together, one for each currency.
        return rows.reduce(into: []) { lines, row in
            if let last = lines.last, last.label == row.label {
                lines[lines.count - 1] = .total([last, row], label: row.label)
            } else {
                lines.append(row)
            }
        }
    }

    private func checkNames(_ query: UsageQuery, in session: any Session) async throws {
        let names = [
            ("group", query.group), ("account", query.account), ("key", query.keyID.map(String.init)), ("model", query.model),
        ]
        let parameters = [
            Parameter(query.group), Parameter(query.account), Parameter(query.keyID), Parameter(query.model),
        ]
        let known = try await session.one(ReportsStatements.known, parameters) { (row) throws(PostgresError) in
            [try row.get(0, as: Bool.self), try row.get(1), try row.get(2), try row.get(3)]
        }
        for ((kind, name), isKnown) in zip(names, known) where !isKnown {
            throw ReportError.unknown(kind: kind, name: name ?? "")
        }
    }

    @Sendable private static func line(_ row: Row) throws(PostgresError) -> UsageLine {
        let cost = ProviderCost(micro: try row.get(9), currency: try row.get(1))
        let possible = ProviderCost(micro: try row.get(10), currency: cost.currency)
        return UsageLine(
            label: try row.get(0), submitted: try row.get(2), completed: try row.get(3), failed: try row.get(4),
            cancelled: try row.get(5), reserved: Credits(micro: try row.get(6)), settled: Credits(micro: try row.get(7)),
            refunded: Credits(micro: try row.get(8)), costs: cost.micro == 0 ? [] : [cost],
            possibleCosts: possible.micro == 0 ? [] : [possible])
    }

    @Sendable static func view(_ row: Row) throws(PostgresError) -> TaskView {
        TaskView(
            id: TaskID(try row.get(0)), state: TaskState(rawValue: try row.get(1)) ?? .failed,
            accountID: try row.get(2), account: try row.get(3), mode: try row.get(4), model: try row.get(5),
            dialect: try row.get(6), rule: BillingRule(rawValue: try row.get(7)) ?? .perCall,
            userGroup: try row.get(8), reserved: Credits(micro: try row.get(9)),
            settled: try row.get(10, as: Int64?.self).map(Credits.init(micro:)), createdAt: try row.get(11),
            startedAt: try row.get(12), finishedAt: try row.get(13), progress: try row.get(14),
            estimatedSeconds: try row.get(15), errorCode: try row.get(16), errorMessage: try row.get(17),
            imagesText: try row.get(18), callbackURL: try row.get(19), requestText: try row.get(20),
            canStop: try row.get(21))
    }
}
