import Domain
import Foundation
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        (JSON.null, "null"), (.bool(true), "true"), (.bool(false), "false"), (.int(.min), "-9223372036854775808"),
        (.int(9_007_199_254_740_993), "9007199254740993"), (.credits(Credits(micro: 26_000)), "0.026"),
        (.credits(Credits(micro: 999_999_999_999_999)), "999999999.999999"), (.optional(nil), "null"),
        (.optional("a"), #""a""#), (.array([]), "[]"), (.object([]), "{}"), (.array([.int(1), .null, .array([])]), "[1,null,[]]"),
        (.object([("z", .int(1)), ("a", .int(2)), ("z", .raw("{}"))]), #"{"z":1,"a":2,"z":{}}"#),
        (.string("\"\\/\n\r\t"), #""\"\\/\n\r\t""#), (.string("\u{0}\u{8}\u{c}\u{1f}\u{7f}"), #""\u0000\u0008\u000c\u001f\u007f""#),
        (.string("\u{80}\u{2028}\u{1f431}"), "\"\u{80}\u{2028}\u{1f431}\""), (.object([("\"\n", .null)]), #"{"\"\n":null}"#),
    ] as [(JSON, String)])
    func valuesAreWrittenInTheirOrderAndExactly(value: JSON, expected: String) {
        #expect(value.text == expected)
        #expect(value.bytes == Array(expected.utf8))
        #expect(value == .raw(expected))
    }

    @Test func everyScalarReadsBack() throws {
        let numbers = Array(UInt32(0)...0x2ff) + [0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff]
        for scalar in numbers.compactMap({ Unicode.Scalar($0) }) {
            let text = "a\(String(scalar))b"
            let read = try #require(try object(.object([(text, .string(text))])) as? [String: String])
            #expect(read[text].map { Array($0.unicodeScalars) } == Array(text.unicodeScalars))
        }
    }

    @Test func nestedValuesReadBack() throws {
        let value = JSON.object([
            ("id", .string("task")), ("numbers", .array([.int(1), .int(-2)])), ("flag", .bool(true)), ("none", .null),
            ("price", .credits(Credits(micro: 1))), ("inner", .object([("deep", .array([.object([])]))])),
        ])
        let read = try #require(try object(value) as? NSDictionary)
        let expected: NSDictionary = [
            "id": "task", "numbers": [1, -2], "flag": true, "none": NSNull(), "price": 0.000_001, "inner": ["deep": [[:] as NSDictionary]],
        ]
        #expect(read == expected)
    }

    @Test func amountsKeepEveryDigit() throws {
        for _ in 0..<500 {
            let micro = Int64.random(in: 0...Credits.max.micro)
            let text = JSON.credits(Credits(micro: micro)).text
            let read = try JSONDecoder().decode(Decimal.self, from: Data(text.utf8))
            #expect(read * 1_000_000 == Decimal(micro))
        }
    }

    private func object(_ value: JSON) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(value.bytes), options: [.fragmentsAllowed])
    }
}
