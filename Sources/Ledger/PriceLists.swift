public import Domain
public import Foundation
public import Postgres

/// Prices. A version is never changed: a new one takes over from its date on, and one that is not in force yet can be
/// withdrawn. Tasks keep the version that they were made under.
public struct PriceLists: Sendable {
    /// The lists have no state.
    public init() {}

    /// Sets prices of a group; a version of the same scope and moment that is not in force yet is replaced.
    /// - Returns: the versions in the order of the plans; nil when there is no such group or model.
    /// - Throws: ``PriceRefusal``.
    public func set(
        _ plans: [PricePlan], group: String, by author: PriceAuthor, in transaction: Transaction
    ) async throws -> [SetPrice]? {
        let parameters = [
            Parameter(group), Parameter(plans.map(\.scope.model)), Parameter(plans.map(\.scope.operation.rawValue)),
            Parameter(plans.map(\.scope.tier?.rawValue)), Parameter(plans.map(\.terms.rule.rawValue)),
            Parameter(plans.map(\.terms.amount.micro)), Parameter(plans.map { Int32($0.terms.unitsMax) }),
            Parameter(plans.map(\.from)), Parameter(author.reason), Parameter(author.actor),
        ]
        do {
            let versions = try await transaction.query(LedgerStatements.setPrices, parameters) { (row) throws(PostgresError) in
                SetPrice(version: try row.get(0), from: try row.get(1), replaced: try row.get(2))
            }
            return versions.isEmpty ? nil : versions
        } catch { throw PriceRefusal(error) ?? error }
    }

    /// Sets a whole list, when nothing is wrong with it.
    /// - Returns: the versions in the order of the rows; nil when there is no such group.
    /// - Throws: ``PriceListRefusal``.
    public func load(
        _ rows: [PriceRow<Date>], group: String, by author: PriceAuthor, in transaction: Transaction
    ) async throws -> [SetPrice]? {
        let now = try await transaction.first(LedgerStatements.lockPrices, [Parameter(group)]) { (row) throws(PostgresError) in
            try row.get(0, as: Date.self)
        }
        guard let now else { return nil }
        let planned = try await transaction.query(LedgerStatements.plannedPrices, [Parameter(group)]) {
            (row) throws(PostgresError) in
            PlannedPrice(version: try row.get(0), scope: try row.priceScope(1), from: try row.get(4, as: Date.self))
        }
        let known = try await models(Set(rows.map(\.scope.model)), in: transaction)
        let strangers = rows.filter { !known.contains($0.scope.model) }
            .map { PriceListProblem<Date>.unknownModel(line: $0.line, model: $0.scope.model) }
        let problems = strangers + PriceSchedule(rows).problems(now: now, planned: planned)
        guard problems.isEmpty else { throw PriceListRefusal(problems: problems.sorted { $0.line < $1.line }) }
        let plans = rows.map { PricePlan(scope: $0.scope, terms: $0.terms, from: $0.from) }
        return try await set(plans, group: group, by: author, in: transaction)
    }

    /// Takes back a version that is not in force yet; what holds before its date then holds on.
    /// - Returns: the version as it is now.
    /// - Throws: ``PriceRefusal``.
    public func withdraw(
        _ version: Int64, by author: PriceAuthor, in transaction: Transaction
    ) async throws -> PriceListing {
        let old = try await listing(version, in: transaction)
        if let at = old.withdrawnAt { throw PriceRefusal.withdrawnBefore(version, at: at) }
        guard old.state == .future else { throw PriceRefusal.inForce(version, since: old.from) }
        do {
            try await transaction.execute(
                LedgerStatements.withdrawPrice, [Parameter(version), Parameter(author.reason), Parameter(author.actor)])
        } catch { throw PriceRefusal(error) ?? error }
        return try await listing(version, in: transaction)
    }

    /// Which of these models are known.
    public func models(_ names: Set<String>, in session: any Session) async throws(PostgresError) -> Set<String> {
        Set(
            try await session.query(LedgerStatements.knownModels, [Parameter(Array(names))]) { (row) throws(PostgresError) in
                try row.get(0, as: String.self)
            })
    }

    private func listing(_ version: Int64, in transaction: Transaction) async throws -> PriceListing {
        var filter = PriceFilter()
        filter.version = version
        guard let found = try await list(filter, in: transaction).first else { throw PriceRefusal.unknownVersion(version) }
        return found
    }
}
