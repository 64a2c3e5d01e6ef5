/// One rule of the word list, as operators write it: `nude`, `porn*`, `child porn`, or words that must come together,
/// `child|kid + nude|naked`.
///
/// A word stands for itself between word boundaries, where its script has them; a star at an end lifts the boundary there.
public struct WordRule: Sendable, Hashable {
    /// The most characters of a rule.
    public static let charactersMax = 500
    static let partsMax = 4
    static let termsMax = 64
    static let lettersMax = 64

    /// The rule as it was written, without outer spaces.
    public let text: String
    /// Each part must be found, by one of its words.
    let parts: [[WordTerm]]

    /// Reads a rule; what is wrong says how to write it.
    public init(_ text: String) throws(WordRuleError) {
        let trimmed = text.trimmingSpaces
        guard (1...Self.charactersMax).contains(trimmed.unicodeScalars.count) else { throw .length }
        let parts = trimmed.split(separator: "+", omittingEmptySubsequences: false)
        guard parts.count <= Self.partsMax, trimmed.count(where: { $0 == "|" }) < Self.termsMax else { throw .tooManyWords }
        var read: [[WordTerm]] = []
        for part in parts {
            var terms: [WordTerm] = []
            for word in part.split(separator: "|", omittingEmptySubsequences: false) {
                let term = try WordTerm(String(word).trimmingSpaces)
                terms.append(term)
                if let squeezed = term.squeezed { terms.append(squeezed) }
            }
            read.append(terms)
        }
        self.text = trimmed
        self.parts = read
    }
}

/// What is wrong with a rule.
public enum WordRuleError: Error, Sendable, Equatable, CustomStringConvertible {
    case length, tooManyWords, tooShort, tooLong, starInside

    /// How to write it.
    public var description: String {
        switch self {
        case .length: "a word rule is 1 to \(WordRule.charactersMax) characters"
        case .tooManyWords:
            "a word rule has at most \(WordRule.partsMax) parts with + between and \(WordRule.termsMax) words: make several"
        case .tooShort: "each word needs two letters or more, not counting digits and letters repeated three times"
        case .tooLong: "a word has at most \(WordRule.lettersMax) letters"
        case .starInside: "a star stands at the beginning or the end of a word: use + for words that come together"
        }
    }
}

/// A word or a row of words, ready to be searched for.
struct WordTerm: Sendable, Hashable {
    /// Folded.
    var letters: [UInt32]
    /// Where a word begins; the first is 0.
    var wordStarts: [Int]
    let isOpenAtStart: Bool
    let isOpenAtEnd: Bool
    /// Found only where a letter of the text is stretched: `bobs` means `boobs` in `boooobs`.
    var needsStretch = false

    init(_ text: String) throws(WordRuleError) {
        isOpenAtStart = text.hasPrefix("*")
        isOpenAtEnd = text.count > 1 && text.hasSuffix("*")
        let inner = text.dropFirst(isOpenAtStart ? 1 : 0).dropLast(isOpenAtEnd ? 1 : 0)
        guard !inner.contains("*") else { throw .starInside }
        let folded = FoldedText(String(inner))
        letters = folded.letters
        wordStarts = folded.gaps.indices.filter { $0 == 0 || folded.gaps[$0] != .none }
        guard letters.count >= 2, folded.kinds.contains(where: { $0 != .leet }) else { throw .tooShort }
        guard letters.count <= WordRule.lettersMax else { throw .tooLong }
    }

    /// The term with its doubled letters single; nil when it has none.
    var squeezed: WordTerm? {
        var copy = self
        copy.letters = []
        copy.wordStarts = []
        for (index, letter) in letters.enumerated() {
            let starts = wordStarts.contains(index)
            if !starts, letter == copy.letters.last { continue }
            if starts { copy.wordStarts.append(copy.letters.count) }
            copy.letters.append(letter)
        }
        copy.needsStretch = true
        return copy.letters.count < letters.count && copy.letters.count >= 2 ? copy : nil
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace }) else {
            return ""
        }
        return String(self[first...last])
    }
}
