/// How large a file, a function and a line may be.
enum SizeRules {
    static let fileLinesMax = 500
    static let functionLinesMax = 70
    static let lineCharactersMax = 140

    /// What is too large in a file, as sentences.
    static func violations(in file: SourceFile) -> [String] {
        let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
        let count = file.text.hasSuffix("\n") ? lines.count - 1 : lines.count
        var found: [String] = []
        if count > fileLinesMax {
            found.append("\(file.path): \(count) lines, at most \(fileLinesMax): split it by what its parts are for")
        }
        for (index, line) in lines.enumerated() where line.count > lineCharactersMax {
            found.append("\(file.path):\(index + 1): \(line.count) characters, at most \(lineCharactersMax): wrap the line")
        }
        for function in functions(in: SwiftText(file.text)) where function.lines > functionLinesMax {
            found.append(
                "\(file.path):\(function.line): \(function.name) has \(function.lines) lines, at most "
                    + "\(functionLinesMax): give its steps names of their own")
        }
        return found
    }

    /// The functions of a text: where each begins and how many lines it has, its signature included.
    static func functions(in text: SwiftText) -> [(name: String, line: Int, lines: Int)] {
        ["func ", "init", "deinit", "subscript"].flatMap { word in
            text.positions(of: word).compactMap { start -> (String, Int, Int)? in
                guard isDeclaration(word, at: start, in: text.code), let open = bodyStart(from: start, in: text.code) else {
                    return nil
                }
                let name = String(decoding: text.code[start..<open].prefix { !"({<\n".utf8.contains($0) }, as: UTF8.self)
                let first = text.line(of: start)
                return (name, first, text.line(of: bodyEnd(from: open, in: text.code)) - first + 1)
            }
        }.sorted { $0.1 < $1.1 }
    }

    /// `self.init(` and `.init(` are calls, `initial` is another word.
    private static func isDeclaration(_ word: String, at start: Int, in code: [UInt8]) -> Bool {
        if word == "func " { return true }
        let end = start + word.utf8.count
        if end < code.count, isNamePart(code[end]) { return false }
        return start == 0 || code[start - 1] != UInt8(ascii: ".")
    }

    /// The brace that opens the body: the first outside of parentheses. A requirement of a protocol has none: before
    /// a brace there comes the end of the protocol or another declaration.
    private static func bodyStart(from start: Int, in code: [UInt8]) -> Int? {
        var depth = 0
        var word: [UInt8] = []
        var isFirst = true
        for index in start..<code.count {
            let byte = code[index]
            if isNamePart(byte) {
                word.append(byte)
                continue
            }
            if depth == 0, !isFirst, declarations.contains(String(decoding: word, as: UTF8.self)) { return nil }
            if !word.isEmpty { isFirst = false }
            word = []
            switch byte {
            case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: "{") where depth == 0: return index
            case UInt8(ascii: "}") where depth == 0: return nil
            default: break
            }
        }
        return nil
    }

    private static let declarations: Set = [
        "func", "var", "let", "init", "static", "mutating", "associatedtype", "subscript", "case", "public", "private",
    ]

    private static func bodyEnd(from open: Int, in code: [UInt8]) -> Int {
        var depth = 0
        for index in open..<code.count {
            if code[index] == UInt8(ascii: "{") { depth += 1 }
            if code[index] == UInt8(ascii: "}") { depth -= 1 }
            if depth == 0 { return index }
        }
        return code.count - 1
    }
}
