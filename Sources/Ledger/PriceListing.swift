public import Domain
public import Foundation
public import Postgres

/// Where a version stands.
public enum PriceState: String, Sendable, CaseIterable {
    case past
    case inForce = "in_force"
    case future
    /// Taken back before it came into force.
    case withdrawn
}

/// A version of a price as lists show it.
public struct PriceListing: Sendable {
    /// The version, pinned on tasks.
    public let version: Int64
    /// The user group's name.
    public let group: String
    /// What it is for.
    public let scope: PriceScope
    /// What a call costs.
    public let terms: PriceTerms
    /// When it takes over.
    public let from: Date
    /// When the next one takes over; nil when none is set, or when it was withdrawn.
    public let until: Date?
    /// Where it stands.
    public let state: PriceState
    /// When it was set.
    public let setAt: Date
    /// Who set it; nil is what the installation came with.
    public let actor: String?
    /// Why.
    public let reason: String?
    /// When it was taken back.
    public let withdrawnAt: Date?
    /// Who took it back, or replaced it.
    public let withdrawnBy: String?
    /// Why.
    public let withdrawnReason: String?

    fileprivate init(_ row: Row) throws(PostgresError) {
        version = try row.get(0)
        scope = try row.priceScope(1)
        terms = try row.priceTerms(4)
        from = try row.get(7)
        group = try row.get(8)
        until = try row.get(9)
        guard let state = PriceState(rawValue: try row.get(10)) else { throw .unexpectedContent(of: "state") }
        self.state = state
        setAt = try row.get(11)
        actor = try row.get(12)
        reason = try row.get(13)
        withdrawnAt = try row.get(14)
        withdrawnBy = try row.get(15)
        withdrawnReason = try row.get(16)
    }
}

/// Which versions to list; nil is any.
public struct PriceFilter: Sendable {
    /// Of this user group.
    public var group: String?
    /// Of this model.
    public var model: String?
    /// In force at this moment.
    public var at: Date?
    /// This one.
    public var version: Int64?

    /// All of them.
    public init() {}
}

extension PriceLists {
    /// The most versions in one answer.
    public static let listMax = 10_000

    /// The history of prices: by group, model, operation and size, the latest date first.
    /// - Throws: ``PriceRefusal/tooMany(max:)``, so that nothing is left out in silence.
    public func list(_ filter: PriceFilter, in session: any Session) async throws -> [PriceListing] {
        let parameters = [
            Parameter(filter.group), Parameter(filter.model), Parameter(filter.at), Parameter(filter.version),
        ]
        let found = try await session.query(LedgerStatements.prices, parameters) { (row) throws(PostgresError) in
            try PriceListing(row)
        }
        guard found.count <= Self.listMax else { throw PriceRefusal.tooMany(max: Self.listMax) }
        return found
    }
}

extension Row {
    /// Model, operation and tier in three columns.
    func priceScope(_ column: Int) throws(PostgresError) -> PriceScope {
        let tier: String? = try get(column + 2)
        guard let operation = TaskOperation(rawValue: try get(column + 1)), tier.map({ SizeTier(rawValue: $0) != nil }) ?? true
        else { throw .unexpectedContent(of: "operation") }
        return PriceScope(model: try get(column), operation: operation, tier: tier.flatMap(SizeTier.init))
    }

    /// Rule, amount and most units in three columns.
    func priceTerms(_ column: Int) throws(PostgresError) -> PriceTerms {
        let amount = Credits(micro: try get(column + 1))
        guard let rule = BillingRule(rawValue: try get(column)),
            let terms = try? PriceTerms(rule: rule, amount: amount, unitsMax: try get(column + 2, as: Int.self))
        else { throw .unexpectedContent(of: "rule") }
        return terms
    }
}
