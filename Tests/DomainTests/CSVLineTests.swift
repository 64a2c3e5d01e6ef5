import Domain
import Testing

@Suite struct CSVLineTests {
    @Test(arguments: [
        ([], ""), (["a"], "a"), (["a", "", "b c"], "a,,b c"), (["a,b", "c"], "\"a,b\",c"),
        (["say \"hi\"", "\""], "\"say \"\"hi\"\"\",\"\"\"\""), (["two\nlines", "\r", "a\r\nb"], "\"two\nlines\",\"\r\",\"a\r\nb\""),
        (["猫", " x ", "1.5"], "猫, x ,1.5"),
    ] as [([String], String)])
    func aFieldIsQuotedWhereItMustBe(fields: [String], line: String) {
        #expect(CSVLine(fields).text == line)
    }
}
