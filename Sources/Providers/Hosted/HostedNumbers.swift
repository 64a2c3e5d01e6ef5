import Domain
import Foundation

/// Numbers of replies in our units; nil for what no task uses and no picture costs.
enum HostedNumbers {
    /// Seconds, up to the next whole one.
    static func seconds(_ number: Decimal?) -> Int? {
        guard let number, (0...86_400).contains(number) else { return nil }
        return rounded(number)
    }

    /// An amount in dollars, up to the next millionth.
    static func usd(_ amount: Decimal?) -> ProviderCost? {
        guard let amount, (0...1_000_000).contains(amount) else { return nil }
        return ProviderCost(micro: Int64(rounded(amount * 1_000_000)), currency: "USD")
    }

    private static func rounded(_ number: Decimal) -> Int {
        var (number, whole) = (number, Decimal())
        NSDecimalRound(&whole, &number, 0, .up)
        return Int(truncating: whole as NSDecimalNumber)
    }
}
