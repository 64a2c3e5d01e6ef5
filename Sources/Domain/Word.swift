/// A text is none of the words that a value can have.
public struct UnknownWord: Error, Sendable, Equatable, CustomStringConvertible {
    /// The text.
    public let text: String
    /// The words that are known.
    public let known: [String]

    public var description: String { "'\(text)' is not one of \(known.joined(separator: ", "))" }
}

extension RawRepresentable where Self: CaseIterable, RawValue == String {
    /// The value of a word as people write it.
    public init(word text: String) throws(UnknownWord) {
        guard let value = Self(rawValue: text) else {
            throw UnknownWord(text: text, known: Self.allCases.map(\.rawValue))
        }
        self = value
    }
}

/// The word nearest to a misspelt one, by edit distance; nil among none.
public func nearestWord(to text: String, among words: [String]) -> String? {
    words.min { editDistance($0, text) < editDistance($1, text) }
}

private func editDistance(_ left: String, _ right: String) -> Int {
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    var row = Array(0...right.count)
    for (i, a) in left.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, b) in right.enumerated() {
            let cost = min(row[j + 1] + 1, row[j] + 1, diagonal + (a == b ? 0 : 1))
            diagonal = row[j + 1]
            row[j + 1] = cost
        }
    }
    return row[right.count]
}
