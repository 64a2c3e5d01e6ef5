/// What a provider bills for an attempt, in its own currency.
public struct ProviderCost: Sendable, Hashable {
    /// Millionths of the currency's unit: 0.0042 USD is 4,200.
    public let micro: Int64
    /// Three capital letters, such as USD.
    public let currency: String

    /// A cost. The currency is three capital letters.
    public init(micro: Int64, currency: String) {
        self.micro = micro
        self.currency = currency
    }

    /// The amount without its currency, as the shortest exact decimal.
    public var amount: String { decimalText(micro, decimals: 6) }
}
