import Testing

@testable import Ledger

@Suite struct InvoiceAmountTests {
    private func micro(_ text: String, units: Int = 1) throws -> Int64 {
        try InvoiceAmount.micro(Array(text.utf8)[...], units: units)
    }

    @Test(
        arguments: [
            ("0", 0), ("0.0042", 4200), (".5", 500_000), ("5.", 5_000_000), ("+1", 1_000_000), ("-0.0042", -4200), ("-0", 0),
            ("1000000", 1_000_000_000_000), ("0.000001", 1), ("0.0000004", 0), ("0.0000005", 1), ("-0.0000005", -1),
            ("0.00000049999999999999999999999", 0), ("0.0000015", 2), ("4.2e-05", 42), ("4.2E-3", 4200), ("1e2", 100_000_000),
            ("1e-400", 0), ("0e400", 0), ("0.00420000000000000000000000", 4200), ("007", 7_000_000),
            ("0.1234565000000000000000001", 123_457), ("0.12345649999999999999", 123_456),
            ("0.\(String(repeating: "0", count: 200))1", 0), ("999999.9999994", 999_999_999_999),
        ] as [(String, Int64)])
    func anAmountIsReadExactly(text: String, expected: Int64) throws {
        #expect(try micro(text) == expected)
    }

    @Test(arguments: [
        "", "-", ".", "1,5", "1.2.3", "$1", "1 USD", "0x10", "1e", "1ee2", "1e+-2", "NaN", "inf", "--1", "1-", "١", "1e99999",
    ])
    func whatIsNoAmountIsRefused(text: String) {
        #expect(throws: InvoiceAmount.Refusal.notANumber) { try micro(text) }
    }

    @Test(arguments: [
        "1000000.000001", "1e7", "1e300", "99999999999999999999", "-1000001", "9223372036854775808", "1000000000000000000000",
    ])
    func whatNoLineCanCostIsRefused(text: String) {
        #expect(throws: InvoiceAmount.Refusal.tooLarge) { try micro(text) }
    }

    @Test func wholeUnitsAreSharesOfTheCurrency() throws {
        #expect(try micro("42", units: 10_000) == 4200)
        #expect(try micro("42.000", units: 10_000) == 4200)
        #expect(try micro("4.2e1", units: 10_000) == 4200)
        #expect(try micro("0.00", units: 10_000) == 0)
        #expect(try micro("7", units: 1_000_000) == 7)
        #expect(try micro("199", units: 100) == 1_990_000)
        for text in ["0.0042", "42.5", "1e-3", "0.00000000000000000000001"] {
            #expect(throws: InvoiceAmount.Refusal.notWhole, "\(text)") { try micro(text, units: 10_000) }
        }
    }

    /// Decimals of any length against schoolbook arithmetic on their digits.
    @Test func randomAmountsAgreeWithSchoolbookRounding() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<3_000 {
            let whole = Int64.random(in: 0..<1_000_000, using: &random)
            let digits = (0..<Int.random(in: 0...11, using: &random)).map { _ in Int64.random(in: 0...9, using: &random) }
            let text = digits.isEmpty ? "\(whole)" : "\(whole)." + digits.map(String.init).joined()
            let six = (digits + [Int64](repeating: 0, count: 7)).prefix(7)
            let expected = whole * 1_000_000 + six.prefix(6).reduce(0) { $0 * 10 + $1 } + (six[6] >= 5 ? 1 : 0)
            #expect(try micro(text) == expected, "\(text)")
        }
    }
}
