import Domain
import Testing

@Suite struct CreditsTests {
    @Test(arguments: [
        ("0", 0, "0"), ("0.026", 26_000, "0.026"), ("1", 1_000_000, "1"), ("3.0", 3_000_000, "3"), ("0.000001", 1, "0.000001"),
        ("12.50", 12_500_000, "12.5"), ("007.1", 7_100_000, "7.1"), ("1.000000", 1_000_000, "1"),
        ("999999999.999999", 999_999_999_999_999, "999999999.999999"), ("1000000000", 1_000_000_000_000_000, "1000000000"),
        ("1000000000.000000", 1_000_000_000_000_000, "1000000000"), ("0000000000000000000000000001", 1_000_000, "1"),
    ] as [(String, Int64, String)])
    func decimalIsReadExactly(text: String, micro: Int64, printed: String) throws {
        let credits = try Credits(decimal: text)
        #expect(credits.micro == micro)
        #expect(credits.description == printed)
    }

    @Test(arguments: [
        ("", CreditsError.notANumber("")), (".", .notANumber(".")), ("1.", .notANumber("1.")), (".5", .notANumber(".5")),
        ("1.2.3", .notANumber("1.2.3")), ("+1", .notANumber("+1")), (" 1", .notANumber(" 1")), ("1 ", .notANumber("1 ")),
        ("1e3", .notANumber("1e3")), ("0x10", .notANumber("0x10")), ("1,5", .notANumber("1,5")), ("1.+5", .notANumber("1.+5")),
        ("1.-5", .notANumber("1.-5")), ("nan", .notANumber("nan")), ("\u{0661}", .notANumber("\u{0661}")),
        ("1\n", .notANumber("1\n")), ("1\u{0}", .notANumber("1\u{0}")), ("1.5\u{301}", .notANumber("1.5\u{301}")),
        ("-1", .negative("-1")), ("-0", .negative("-0")), ("0.0000001", .tooManyDecimals("0.0000001")),
        ("1.0000000", .tooManyDecimals("1.0000000")), ("1000000000.000001", .tooLarge("1000000000.000001")),
        ("1000000001", .tooLarge("1000000001")), ("9223372036855", .tooLarge("9223372036855")),
        ("9223372036854775808", .tooLarge("9223372036854775808")),
        ("99999999999999999999999999", .tooLarge("99999999999999999999999999")),
    ])
    func otherTextIsRefusedWithItsReason(text: String, expected: CreditsError) {
        #expect(throws: expected) { try Credits(decimal: text) }
        #expect(expected.description.contains("'\(text)'"))
    }

    @Test func amountsPrintAndReadBackTheSame() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            // Any order of magnitude, not only the large ones that a flat choice would give.
            let bits = Int64.random(in: 0...49, using: &generator)
            let micro = min(Int64.random(in: 0...(1 << bits), using: &generator), Credits.max.micro)
            let credits = Credits(micro: micro)
            let text = credits.description
            #expect(try Credits(decimal: text) == credits)
            #expect(!text.contains(".") || !text.hasSuffix("0"), "the shortest decimal")
            #expect(Credits(micro: -micro).description == (micro == 0 ? "0" : "-" + text))
        }
    }

    @Test func orderAndExtremesArePlain() {
        #expect(Credits(micro: -1) < .zero)
        #expect(Credits.zero < Credits(micro: 1))
        #expect(Credits(micro: .min).description == "-9223372036854.775808")
        #expect(Credits(micro: .max).description == "9223372036854.775807")
    }
}
