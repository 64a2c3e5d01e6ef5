import Domain
import Testing

@Suite struct PriceSheetTests {
    private struct NotADay: Error, CustomStringConvertible {
        let description: String
    }

    /// Dates are days, written as numbers.
    private func read(_ text: String) throws(PriceSheetError) -> [PriceRow<Int>] {
        try PriceSheet(text: text) { text in
            guard let day = Int(text) else { throw NotADay(description: "'\(text)' is not a day") }
            return day
        }.rows
    }

    private func problems(_ text: String) -> [String] {
        do {
            _ = try read(text)
            return []
        } catch { return error.problems.map(\.description) }
    }

    private static let header = "model,operation,size_tier,rule,amount,units_max,from,until"

    @Test func everyColumnIsRead() throws {
        let rows = try read(
            """
            \(Self.header)
            z-image-turbo,generate,,per_call,0.026,,5,9

            z-image-turbo,edit,large,per_second,0.015,60,7,
            """)
        #expect(rows.map(\.line) == [2, 4])
        #expect(
            rows.map(\.scope) == [
                PriceScope(model: "z-image-turbo", operation: .generate, tier: nil),
                PriceScope(model: "z-image-turbo", operation: .edit, tier: .large),
            ])
        #expect(
            rows.map(\.terms) == [
                try PriceTerms(rule: .perCall, amount: Credits(micro: 26_000), unitsMax: 1),
                try PriceTerms(rule: .perSecond, amount: Credits(micro: 15_000), unitsMax: 60),
            ])
        #expect(rows.map(\.from) == [5, 7])
        #expect(rows.map(\.until) == [9, nil])
    }

    @Test func whatSpreadsheetsAddIsNoProblem() throws {
        let line = "m,inpaint,standard,per_token,0.000001,1000000,5,"
        let rows = try read("\u{feff}\(Self.header)\r\n\(line)\r\n\r\n")
        #expect(rows.map(\.terms.unitsMax) == [1_000_000])
        #expect(rows.map(\.line) == [2])
    }

    @Test(arguments: [
        ("", "line 1: the first line must be \(header)"), ("\n\nx", "line 3: the first line must be \(header)"),
        ("model,operation", "line 1: the first line must be \(header)"), (header, "line 1: no price follows the header"),
        ("\(header)\n\n", "line 1: no price follows the header"),
        ("\(header)\nm,generate,,per_call,1,1,5", "line 2: it has 7 cells instead of 8: \(header)"),
        ("\(header)\nm,generate,,per_call,1,1,5,,", "line 2: it has 9 cells instead of 8: \(header)"),
        ("\(header)\nm,draw,,per_call,1,1,5,", "line 2, column operation: 'draw' is not one of generate, edit, inpaint"),
        ("\(header)\nm,,,per_call,1,1,5,", "line 2, column operation: '' is not one of generate, edit, inpaint"),
        ("\(header)\nm,edit,huge,per_call,1,1,5,", "line 2, column size_tier: 'huge' is not one of standard, large"),
        ("\(header)\nm,edit,,per_cat,1,1,5,", "line 2, column rule: 'per_cat' is not one of per_call, per_second, per_token"),
        (
            "\(header)\nm,edit,,per_call,-1,1,5,",
            "line 2, column amount: '-1' is negative: give an amount of 0 or more credits"
        ),
        (
            "\(header)\nm,edit,,per_call,,1,5,",
            "line 2, column amount: '' is not an amount: write credits as a decimal such as 12.5"
        ),
        ("\(header)\nm,edit,,per_second,1,x,5,", "line 2, column units_max: 'x' is not a whole number"),
        ("\(header)\nm,edit,,per_second,1,-1,5,", "line 2, column units_max: '-1' is not a whole number"),
        (
            "\(header)\nm,edit,,per_second,1,99999999999999999999,5,",
            "line 2, column units_max: '99999999999999999999' is not a whole number"
        ),
        (
            "\(header)\nm,edit,,per_second,1,0,5,",
            "line 2, column units_max: the most units of a call are 1 to 1000000, and 1 for per_call, not 0"
        ),
        (
            "\(header)\nm,edit,,per_call,1,2,5,",
            "line 2, column units_max: the most units of a call are 1 to 1000000, and 1 for per_call, not 2"
        ),
        (
            "\(header)\nm,edit,,per_token,1000000000,1000000,5,",
            "line 2, column units_max: a call of 1000000 units at 1000000000 would cost more than 1000000000 credits: lower one of them"
        ),
        ("\(header)\nm,edit,,per_call,1,1,,", "line 2, column from: '' is not a day"),
        ("\(header)\nm,edit,,per_call,1,1,soon,", "line 2, column from: 'soon' is not a day"),
        ("\(header)\nm,edit,,per_call,1,1,5,late", "line 2, column until: 'late' is not a day"),
        (
            "\(header)\n\"m\",edit,,per_call,1,1,5,",
            "line 2, column model: quotes are not read, and nothing in a price list needs them"
        ),
        (
            "\(header)\n\(String(repeating: "m", count: 201)),edit,,per_call,1,1,5,",
            "line 2, column model: a cell has at most 200 characters"
        ),
    ])
    func whatCannotBeReadIsNamed(text: String, problem: String) { #expect(problems(text) == [problem]) }

    @Test func everyProblemOfAFileIsNamedAtOnce() {
        let lines = [Self.header, "m,draw,,per_call,x,1,5,", "m,edit,,per_call,1,1,5,", "m,edit,,per_call,1,1,x,"]
        #expect(
            problems(lines.joined(separator: "\n")).map { $0.prefix(24) }
                == ["line 2, column operation", "line 2, column amount: '", "line 4, column from: 'x'"])
    }

    @Test func aFileHasALimit() {
        let line = "\nm,edit,,per_call,1,1,5,"
        #expect(problems(Self.header + String(repeating: line, count: 10_000)).isEmpty)
        #expect(
            problems(Self.header + String(repeating: line, count: 10_001))
                == ["line 10002: a price list has at most 10000 prices: split it, by model for example"])
    }
}
