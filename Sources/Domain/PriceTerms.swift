/// What a price is for, within one user group.
public struct PriceScope: Sendable, Hashable {
    /// The model's name.
    public let model: String
    /// What is done.
    public let operation: TaskOperation
    /// Nil is every size.
    public let tier: SizeTier?

    /// Names a scope.
    public init(model: String, operation: TaskOperation, tier: SizeTier?) {
        self.model = model
        self.operation = operation
        self.tier = tier
    }
}

/// What one call costs.
public struct PriceTerms: Sendable, Hashable {
    /// How the price turns into an amount.
    public let rule: BillingRule
    /// Per call, per second or per token.
    public let amount: Credits
    /// The most units that one call can use; 1 for a price per call.
    public let unitsMax: Int

    /// Checks what the database would refuse.
    public init(rule: BillingRule, amount: Credits, unitsMax: Int) throws(PriceTermsError) {
        guard (1...1_000_000).contains(unitsMax), rule != .perCall || unitsMax == 1 else { throw .unitsMax(unitsMax) }
        let (most, overflow) = amount.micro.multipliedReportingOverflow(by: Int64(unitsMax))
        guard !overflow, most <= Credits.max.micro else { throw .tooLarge(amount, unitsMax) }
        self.rule = rule
        self.amount = amount
        self.unitsMax = unitsMax
    }
}

/// Why a price cannot be.
public enum PriceTermsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The most units of a call are out of bounds.
    case unitsMax(Int)
    /// The most that one call could cost is out of bounds.
    case tooLarge(Credits, Int)

    public var description: String {
        switch self {
        case .unitsMax(let units): "the most units of a call are 1 to 1000000, and 1 for per_call, not \(units)"
        case .tooLarge(let amount, let units):
            "a call of \(units) units at \(amount) would cost more than \(Credits.max) credits: lower one of them"
        }
    }
}
