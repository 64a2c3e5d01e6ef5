import Domain
import Testing

@Suite struct CSVReaderTests {
    /// Rows of fields, with the line on which each begins.
    private struct Read: Equatable {
        var rows: [[String]] = []
        var lines: [Int] = []
    }

    private func read(_ bytes: [UInt8], pieces: [Int] = [], limits: CSVReader.Limits = .init()) throws -> Read {
        var reader = CSVReader(limits: limits)
        var found = Read()
        func take(_ record: CSVRecord) {
            found.rows.append(record.fields)
            found.lines.append(record.line)
        }
        var rest = bytes[...]
        for piece in pieces {
            try reader.read(Array(rest.prefix(piece)), take)
            rest = rest.dropFirst(piece)
        }
        try reader.read(Array(rest), take)
        try reader.finish(take)
        return found
    }

    private func read(_ text: String, limits: CSVReader.Limits = .init()) throws -> Read {
        try read(Array(text.utf8), limits: limits)
    }

    @Test(
        arguments: [
            ("", []), ("a", [["a"]]), ("a\n", [["a"]]), ("a,b\r\nc,d\r\n", [["a", "b"], ["c", "d"]]),
            ("a,b\nc,d", [["a", "b"], ["c", "d"]]), (",\n", [["", ""]]), ("a,\r\n,b", [["a", ""], ["", "b"]]),
            ("\"a\",\"b,c\"", [["a", "b,c"]]), ("\"a\"\"b\"", [["a\"b"]]), ("\"\"\"\"", [["\""]]), ("\"\"", [[""]]),
            ("\"a\nb\",c\nd,e", [["a\nb", "c"], ["d", "e"]]), ("\"a\r\nb\"\r\nc", [["a\r\nb"], ["c"]]),
            ("\n\na\n\r\n\nb\n", [["a"], ["b"]]), ("\"\"\r\na", [[""], ["a"]]), ("\u{feff}a,b", [["a", "b"]]),
            ("\u{feff}", []),
            ("\u{feff}\"a\"\n", [["a"]]), ("é,\u{1f431}\n", [["é", "\u{1f431}"]]), ("a\u{feff}b", [["a\u{feff}b"]]),
            (" a , b ", [[" a ", " b "]]), ("\u{ff01},x", [["\u{ff01}", "x"]]), ("\u{fefe}x", [["\u{fefe}x"]]),
        ] as [(String, [[String]])])
    func textIsReadAsRFC4180Says(text: String, rows: [[String]]) throws {
        #expect(try read(text).rows == rows)
    }

    @Test func aRecordKnowsTheLineOnWhichItBegins() throws {
        #expect(try read("h,i\n\n\"a\nb\r\nc\",d\ne,f\r\n\r\ng,\"h\"").lines == [1, 3, 6, 8])
    }

    @Test(
        arguments: [
            ("a,\"b\nc", .unclosedQuote(line: 1)), ("a\n\"\"\"", .unclosedQuote(line: 2)),
            ("x\n\"a\n\nb", .unclosedQuote(line: 2)),
            ("a,b\"c", .strayQuote(line: 1, field: 2)), ("a\nb\"", .strayQuote(line: 2, field: 1)),
            ("\"a\" ,b", .textAfterQuote(line: 1, field: 1)), ("a,\"b\"c", .textAfterQuote(line: 1, field: 2)),
            ("a\rb", .bareReturn(line: 1)), ("a\n\rb", .bareReturn(line: 2)), ("a\r", .bareReturn(line: 1)),
            ("\"a\"\r\r\n", .bareReturn(line: 1)),
            ("a,b\nc", .fieldCount(line: 2, found: 1, expected: 2)),
            ("a,b\nc,d\n\n\"e\nf\",g,h", .fieldCount(line: 4, found: 3, expected: 2)),
            ("a\n\n,", .fieldCount(line: 3, found: 2, expected: 1)),
        ] as [(String, CSVError)])
    func brokenTextIsRefusedWithItsLine(text: String, error: CSVError) throws {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            #expect(throws: error) { try read(bytes, pieces: [cut]) }
        }
        #expect(error.description.hasPrefix("line \(line(of: error))"), "\(error)")
        #expect(error.description.contains(": "), "it says what to do")
    }

    private func line(of error: CSVError) -> Int {
        switch error {
        case .notUTF8(let line, _, _), .unclosedQuote(let line), .strayQuote(let line, _), .textAfterQuote(let line, _),
            .bareReturn(let line), .fieldTooLong(let line, _, _), .lineTooLong(let line, _), .tooManyFields(let line, _),
            .fieldCount(let line, _, _):
            line
        }
    }

    @Test func whatIsTooLongIsRefused() throws {
        var limits = CSVReader.Limits()
        (limits.fieldBytesMax, limits.lineBytesMax, limits.fieldsMax) = (5, 8, 3)
        #expect(try read("12345,123,\n", limits: limits).rows == [["12345", "123", ""]])
        #expect(throws: CSVError.fieldTooLong(line: 2, field: 2, bytesMax: 5)) { try read("a,b\na,123456", limits: limits) }
        #expect(throws: CSVError.fieldTooLong(line: 1, field: 1, bytesMax: 5)) { try read("\"1\n2\n3\n", limits: limits) }
        #expect(throws: CSVError.lineTooLong(line: 1, bytesMax: 8)) { try read("12345,1234", limits: limits) }
        #expect(throws: CSVError.tooManyFields(line: 1, fieldsMax: 3)) { try read(",,,", limits: limits) }
        // Quotes and commas between fields do not count.
        #expect(try read("\"\"\"\"\"\",\"12\",\"1234\"", limits: limits).rows == [["\"\"", "12", "1234"]])
    }

    // MARK: properties

    private static func randomText(_ random: inout some RandomNumberGenerator) -> [UInt8] {
        // Few signs, so that the rare places of the grammar are met often.
        let alphabet = ["a", "b", ",", ",", "\"", "\"\"", "\n", "\r\n", "\r", "é", "\u{1f431}", "\"a,\n\"", "\u{feff}"]
        return (0..<Int.random(in: 0...14, using: &random)).flatMap { _ in
            Array(alphabet.randomElement(using: &random)!.utf8)
        }
    }

    @Test func anyChunkingGivesTheSameRowsOrTheSameError() {
        var random = SystemRandomNumberGenerator()
        var accepted = 0
        for _ in 0..<4_000 {
            let bytes = Self.randomText(&random)
            let whole = Result { try read(bytes) }
            if case .success(let found) = whole, !found.rows.isEmpty { accepted += 1 }
            let pieces = (0..<4).map { _ in Int.random(in: 0...4, using: &random) }
            for cuts in [pieces, [Int](repeating: 1, count: bytes.count)] {
                let cut = Result { try read(bytes, pieces: cuts) }
                #expect(same(whole, cut), "\(String(decoding: bytes, as: UTF8.self).debugDescription) in \(cuts)")
            }
        }
        #expect(accepted > 400, "most texts being broken would prove little")
    }

    private func same(_ left: Result<Read, any Error>, _ right: Result<Read, any Error>) -> Bool {
        switch (left, right) {
        case (.success(let left), .success(let right)): left == right
        case (.failure(let left as CSVError), .failure(let right as CSVError)): left == right
        default: false
        }
    }

    /// Another reading of the same grammar: the whole text at once, by cutting off one field after the other.
    private func reference(_ bytes: [UInt8]) -> [[String]]? {
        var text = String(decoding: bytes, as: UTF8.self).unicodeScalars[...]
        if text.first == "\u{feff}" { text = text.dropFirst() }
        var rows: [[String]] = []
        while !text.isEmpty {
            if text.starts(with: ["\n"]) {
                text = text.dropFirst()
                continue
            }
            if text.starts(with: ["\r", "\n"]) {
                text = text.dropFirst(2)
                continue
            }
            var row: [String] = []
            while true {
                guard let field = field(&text) else { return nil }
                row.append(field)
                guard text.first == "," else { break }
                text = text.dropFirst()
            }
            if text.starts(with: ["\r", "\n"]) { text = text.dropFirst() }
            guard text.isEmpty || text.first == "\n" else { return nil }
            text = text.dropFirst()
            rows.append(row)
        }
        return Set(rows.map(\.count)).count > 1 ? nil : rows
    }

    private func field(_ text: inout Substring.UnicodeScalarView) -> String? {
        guard text.first == "\"" else {
            let plain = text.prefix { !",\"\r\n".unicodeScalars.contains($0) }
            text = text.dropFirst(plain.count)
            return text.first == "\"" ? nil : String(plain)
        }
        var value = String.UnicodeScalarView()
        text = text.dropFirst()
        while let end = text.firstIndex(of: "\"") {
            value.append(contentsOf: text[..<end])
            text = text[end...].dropFirst()
            guard text.first == "\"" else { return String(value) }
            value.append("\"")
            text = text.dropFirst()
        }
        return nil
    }

    @Test func anotherReadingOfTheGrammarAgrees() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<6_000 {
            let bytes = Self.randomText(&random)
            let found = try? read(bytes).rows
            #expect(found == reference(bytes), "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
    }

    @Test func whatTheWriterWritesIsReadBack() throws {
        var random = SystemRandomNumberGenerator()
        let alphabet = ["a", ",", "\"", "\n", "\r\n", "\r", " ", "é", ",\u{301}", "\"\u{301}", ";", "=1"]
        for _ in 0..<2_000 {
            let width = Int.random(in: 1...4, using: &random)
            let rows = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                (0..<width).map { _ in
                    (0..<Int.random(in: 0...4, using: &random)).map { _ in alphabet.randomElement(using: &random)! }.joined()
                }
            }
            let text = rows.map { CSVLine($0).text }.joined(separator: "\n")
            // By scalars: two texts that look the same may be other bytes.
            let found = try read(text).rows.map { $0.map { Array($0.utf8) } }
            #expect(found == rows.map { $0.map { Array($0.utf8) } }, "\(text.debugDescription)")
        }
    }

    @Test func theWriterQuotesOnlyWhatNeedsIt() {
        #expect(CSVLine(["a", "b c", "", "é;="]).text == "a,b c,,é;=")
        #expect(CSVLine(["a,b", "say \"a\"", "x\ny", "\r"]).text == "\"a,b\",\"say \"\"a\"\"\",\"x\ny\",\"\r\"")
        #expect(CSVLine([""]).text == "\"\"")
        #expect("\(CSVLine(["a", "b"]))" == "a,b")
    }
}
