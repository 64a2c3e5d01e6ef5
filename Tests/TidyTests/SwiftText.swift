/// Swift source in which comments and the contents of string literals are blank, so that words in them are not taken
/// for code. Lines and columns stay where they are; code inside an interpolation stays visible.
struct SwiftText {
    /// The code, as ASCII bytes where it matters.
    let code: [UInt8]

    init(_ source: String) {
        var reader = Blanker(bytes: Array(source.utf8))
        reader.readCode(insideInterpolation: false)
        code = reader.bytes
    }

    /// The line of a position, from 1.
    func line(of position: Int) -> Int { 1 + code[..<position].count { $0 == UInt8(ascii: "\n") } }

    /// Where a word is in the code; in front of it there is nothing that belongs to a longer name.
    func positions(of word: String) -> [Int] {
        let wanted = Array(word.utf8)
        guard let first = wanted.first, code.count >= wanted.count else { return [] }
        return (0...(code.count - wanted.count)).filter { start in
            guard code[start] == first, code[start..<(start + wanted.count)].elementsEqual(wanted) else { return false }
            return start == 0 || !isNamePart(first) || !isNamePart(code[start - 1])
        }
    }
}

func isNamePart(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
        true
    default: false
    }
}

private struct Blanker {
    var bytes: [UInt8]
    var at = 0

    private func starts(_ text: StaticString) -> Bool {
        let end = at + text.utf8CodeUnitCount
        guard end <= bytes.count else { return false }
        return (at..<end).allSatisfy { bytes[$0] == text.utf8Start[$0 - at] }
    }

    private mutating func blank(_ count: Int = 1) {
        for _ in 0..<count where at < bytes.count {
            if bytes[at] != UInt8(ascii: "\n") { bytes[at] = UInt8(ascii: " ") }
            at += 1
        }
    }

    mutating func readCode(insideInterpolation: Bool) {
        var depth = 0
        while at < bytes.count {
            if starts("//") {
                while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { blank() }
            } else if starts("/*") {
                readBlockComment()
            } else if bytes[at] == UInt8(ascii: "\"") || bytes[at] == UInt8(ascii: "#") {
                readString()
            } else {
                let byte = bytes[at]
                at += 1
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") { depth -= 1 }
                if insideInterpolation, depth == 0, byte == UInt8(ascii: ")") { return }
            }
        }
    }

    /// Swift's block comments nest.
    private mutating func readBlockComment() {
        var depth = 0
        repeat {
            if starts("/*") {
                depth += 1
                blank(2)
            } else if starts("*/") {
                depth -= 1
                blank(2)
            } else {
                blank()
            }
        } while depth > 0 && at < bytes.count
    }

    /// A literal such as `"..."`, `"""..."""` or `#"..."#`; a `#` of anything else is stepped over.
    private mutating func readString() {
        var hashes = 0
        while at + hashes < bytes.count, bytes[at + hashes] == UInt8(ascii: "#") { hashes += 1 }
        guard at + hashes < bytes.count, bytes[at + hashes] == UInt8(ascii: "\"") else {
            at += hashes
            return
        }
        blank(hashes)
        // `#""""#` is a short literal of two quotes: a long one begins with a line break.
        let isLong = starts("\"\"\"") && at + 3 < bytes.count && bytes[at + 3] == UInt8(ascii: "\n")
        blank(isLong ? 3 : 1)
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "\\"), hasHashes(hashes, from: at + 1) {
                blank(1 + hashes)
                if at < bytes.count, bytes[at] == UInt8(ascii: "(") {
                    readCode(insideInterpolation: true)
                } else {
                    blank()
                }
            } else if isLong ? starts("\"\"\"") : starts("\""), hasHashes(hashes, from: at + (isLong ? 3 : 1)) {
                blank((isLong ? 3 : 1) + hashes)
                return
            } else if !isLong, bytes[at] == UInt8(ascii: "\n") {
                return
            } else {
                blank()
            }
        }
    }

    private func hasHashes(_ count: Int, from start: Int) -> Bool {
        start + count <= bytes.count && bytes[start..<(start + count)].allSatisfy { $0 == UInt8(ascii: "#") }
    }
}
