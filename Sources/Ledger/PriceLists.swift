public import Domain
public import Foundation
public import Postgres

/// A price as an operator sets it.
public struct PricePlan: Sendable {
    /// The user group's name.
    public var group: String
    /// The model's name.
    public var model: String
    /// What is done.
    public var operation: TaskOperation
    /// `standard` or `large`; nil is every size.
    public var sizeTier: String?
    /// How the price turns into an amount.
    public var rule: BillingRule
    /// Per call, per second or per token.
    public var amount: Credits
    /// The most units that one call can use; amount times this is what is reserved.
    public var unitsMax: Int
    /// When it comes into force; nil is now.
    public var from: Date?

    /// A price per call, from now on.
    public init(group: String, model: String, operation: TaskOperation, rule: BillingRule, amount: Credits, unitsMax: Int) {
        self.group = group
        self.model = model
        self.operation = operation
        self.rule = rule
        self.amount = amount
        self.unitsMax = unitsMax
    }
}

/// A price as lists show it.
public struct PriceListing: Sendable {
    /// The version, pinned on tasks.
    public let id: Int64
    /// The user group's name.
    public let group: String
    /// The model's name.
    public let model: String
    /// What is done.
    public let operation: String
    /// `standard`, `large` or nil for every size.
    public let sizeTier: String?
    /// How the price turns into an amount.
    public let rule: String
    /// Per call, per second or per token.
    public let amount: Credits
    /// The most units that one call can use.
    public let unitsMax: Int
    /// When it comes into force.
    public let from: Date
}

/// Prices. They are never changed: a new one takes the place of an old one from its date on.
public struct PriceLists: Sendable {
    /// The lists have no state.
    public init() {}

    /// Sets a price; nil when there is no such group or model, else the new version's number.
    public func set(_ plan: PricePlan, in session: any Session) async throws(PostgresError) -> Int64? {
        let parameters = [
            Parameter(plan.group), Parameter(plan.model), Parameter(plan.operation.rawValue), Parameter(plan.sizeTier),
            Parameter(plan.rule.rawValue), Parameter(plan.amount.micro), Parameter(Int32(plan.unitsMax)),
            Parameter(plan.from),
        ]
        return try await session.first(LedgerStatements.setPrice, parameters) { (row) throws(PostgresError) in
            try row.get(0, as: Int64.self)
        }
    }

    /// Prices of a group or model, or all; newest first.
    public func list(group: String?, model: String?, in session: any Session) async throws(PostgresError) -> [PriceListing] {
        try await session.query(LedgerStatements.prices, [Parameter(group), Parameter(model)]) { (row) throws(PostgresError) in
            PriceListing(
                id: try row.get(0), group: try row.get(1), model: try row.get(2), operation: try row.get(3),
                sizeTier: try row.get(4), rule: try row.get(5), amount: Credits(micro: try row.get(6)),
                unitsMax: try row.get(7), from: try row.get(8))
        }
    }
}
