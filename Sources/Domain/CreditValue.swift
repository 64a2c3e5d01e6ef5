/// What one credit is worth in money, for margins.
public struct CreditValue: Sendable, Hashable {
    /// Millionths of the currency's unit: a credit of one cent is 10,000.
    public let micro: Int64
    /// Three capital letters, such as USD.
    public let currency: String

    /// A value. The currency is three capital letters.
    public init(micro: Int64, currency: String) {
        self.micro = micro
        self.currency = currency
    }

    /// The value of the settled credits less the costs in the same currency, as an exact decimal of up to 12 decimals, so
    /// that the margins of a report's rows add up to that of its total. Costs in other currencies are not subtracted.
    public func margin(settled: Credits, costs: [ProviderCost]) -> String {
        let cost = costs.filter { $0.currency == currency }.reduce(Int128(0)) { $0 + Int128($1.micro) }
        return decimalText(Int128(settled.micro) * Int128(micro) - cost * 1_000_000, decimals: 12)
    }
}
