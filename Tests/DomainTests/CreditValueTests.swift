import Domain
import Testing

@Suite struct CreditValueTests {
    private static func usd(_ micro: Int64) -> ProviderCost { ProviderCost(micro: micro, currency: "USD") }

    @Test(arguments: [
        (1_000_000, 26_000, [usd(4_200)], "0.0218"), (10_000, 26_000, [usd(4_200)], "-0.00394"), (1_000_000, 0, [], "0"),
        // Finer than a millionth, so that rows add up to their total.
        (1, 1, [], "0.000000000001"), (1, 1, [usd(1)], "-0.000000999999"), (0, 5_000_000, [usd(1_500_000)], "-1.5"),
        (2_500_000, 4_000_000, [usd(1_000_000), ProviderCost(micro: 7_000_000, currency: "EUR"), usd(500_000)], "8.5"),
        (Credits.max.micro, .max, [], "9223372036854775807000"),
    ] as [(Int64, Int64, [ProviderCost], String)])
    func marginIsTheValueOfSettledCreditsLessCosts(value: Int64, settled: Int64, costs: [ProviderCost], margin: String) {
        let value = CreditValue(micro: value, currency: "USD")
        #expect(value.margin(settled: Credits(micro: settled), costs: costs) == margin)
    }

    @Test func aCostIsAnExactDecimal() {
        #expect([0, 1, 4_200, 1_000_000, 12_340_000].map { Self.usd($0).amount } == ["0", "0.000001", "0.0042", "1", "12.34"])
    }
}
