/// What a rule of the word list does.
public enum WordLevel: String, Sendable, CaseIterable {
    /// Refuses always.
    case basic
    /// Refuses where strict moderation was asked for.
    case strict
    /// Lifts the matches that lie within it: `naked mole rat` for the sake of animals, `男性交谈` for the sake of talks.
    case allowed
}

/// A rule with what it is for.
public struct ModerationWord: Sendable, Hashable {
    /// The rule.
    public let rule: WordRule
    /// What is refused; of no meaning for an allowed phrase.
    public let category: ModerationCategory
    /// When.
    public let level: WordLevel

    /// A rule with what it is for.
    public init(_ rule: WordRule, _ category: ModerationCategory, _ level: WordLevel) {
        self.rule = rule
        self.category = category
        self.level = level
    }
}

/// All word rules at once, as one search.
public struct WordMatcher: Sendable {
    /// The most rules of an installation.
    public static let wordsMax = 10_000

    /// A part of a rule that a term is one of the words of.
    private struct Use {
        let word: Int
        let part: Int
    }

    private let words: [ModerationWord]
    private var terms: [WordTerm] = []
    private var uses: [[Use]] = []
    private let automaton: TermAutomaton

    /// Prepares the rules for searches.
    public init(_ words: [ModerationWord]) {
        self.words = words
        var numbers: [WordTerm: Int] = [:]
        for (word, entry) in words.enumerated() {
            for (part, alternatives) in entry.rule.parts.enumerated() {
                for term in alternatives {
                    let number = numbers[term] ?? terms.count
                    if number == terms.count {
                        numbers[term] = number
                        terms.append(term)
                        uses.append([])
                    }
                    uses[number].append(Use(word: word, part: part))
                }
            }
        }
        automaton = TermAutomaton(terms.map(\.letters))
    }

    /// Why a text is refused at a level; nil when it is not.
    public func refusal(of text: String, level: ModerationLevel) -> ModerationCategory? {
        var steps = 0
        return refusal(of: text, level: level, &steps)
    }

    func refusal(of text: String, level: ModerationLevel, _ steps: inout Int) -> ModerationCategory? {
        let folded = FoldedText(text)
        var found = Set(matched(folded, level, &steps))
        if folded.hasLeet { found.formUnion(matched(FoldedText(text, .leetAsMarks), level, &steps)) }
        return found.min { $0.rank < $1.rank }
    }

    /// Every category that has a rule whose parts are all there.
    private func matched(_ text: FoldedText, _ level: ModerationLevel, _ steps: inout Int) -> [ModerationCategory] {
        let spans = TextSpans(text)
        var hits: [(term: Int, start: Int, last: Int)] = []
        var seen: Set<Int> = []
        // For each place, the furthest end of an allowed phrase that begins there or before.
        var allowedLast: [Int: Int] = [:]
        steps += automaton.search(text.letters) { term, last in
            let start = last - terms[term].letters.count + 1
            guard spans.holds(terms[term], from: start, to: last) else { return }
            // Each term counts once, unless an allowed phrase may lie over this place of it and not over the next.
            if uses[term].contains(where: { words[$0.word].level == .allowed }) {
                allowedLast[start] = max(allowedLast[start] ?? last, last)
            }
            hits.append((term, start, last))
        }
        let reach = allowedLast.isEmpty ? [] : Self.reach(allowedLast, count: text.letters.count)
        var parts: [Int: UInt8] = [:]
        var categories: [ModerationCategory] = []
        for hit in hits where !seen.contains(hit.term) {
            if !reach.isEmpty, reach[hit.start] >= hit.last { continue }
            seen.insert(hit.term)
            for use in uses[hit.term] {
                let word = words[use.word]
                guard word.level == .basic || word.level == .strict && level == .strict else { continue }
                steps += 1
                let before = parts[use.word, default: 0]
                let after = before | 1 << UInt8(use.part)
                parts[use.word] = after
                if after != before, after.nonzeroBitCount == word.rule.parts.count { categories.append(word.category) }
            }
        }
        return categories
    }

    private static func reach(_ last: [Int: Int], count: Int) -> [Int] {
        var reach = Array(repeating: -1, count: count)
        var furthest = -1
        for index in 0..<count {
            furthest = max(furthest, last[index] ?? -1)
            reach[index] = furthest
        }
        return reach
    }
}

/// Sums over a folded text, by which a match is judged without looking at its letters again.
private struct TextSpans {
    private let text: FoldedText
    private var gaps: [Int32] = [0]
    private var spaces: [Int32] = [0]
    private var real: [Int32] = [0]
    private var stretched: [Int32] = [0]

    init(_ text: FoldedText) {
        self.text = text
        let count = text.letters.count + 1
        for path in [\TextSpans.gaps, \.spaces, \.real, \.stretched] { self[keyPath: path].reserveCapacity(count) }
        for index in text.letters.indices {
            gaps.append(gaps[index] + (text.gaps[index] == .none ? 0 : 1))
            spaces.append(spaces[index] + (text.gaps[index] == .space ? 1 : 0))
            real.append(real[index] + (text.kinds[index] == .leet ? 0 : 1))
            stretched.append(stretched[index] + (text.stretched[index] ? 1 : 0))
        }
    }

    /// Whether the letters from `start` to `last`, which are those of the term, are meant as the term.
    func holds(_ term: WordTerm, from start: Int, to last: Int) -> Bool {
        // `18` may read "ib", but digits alone are numbers.
        guard real[last + 1] > real[start] else { return false }
        if term.needsStretch, stretched[last + 1] == stretched[start] { return false }
        guard term.isOpenAtStart || isBoundary(before: start, inside: start) else { return false }
        guard term.isOpenAtEnd || isBoundary(before: last + 1, inside: last) else { return false }
        for (index, wordStart) in term.wordStarts.enumerated() {
            let wordEnd = index + 1 < term.wordStarts.count ? term.wordStarts[index + 1] : last - start + 1
            guard isOneWord(from: start + wordStart, to: start + wordEnd - 1) else { return false }
        }
        return true
    }

    /// Marks may stand anywhere in a word (`nu-de`). Spaces only where it is spelled out (`n u d e`), because words that
    /// follow one another are words of their own: "pen is".
    private func isOneWord(from first: Int, to last: Int) -> Bool {
        let inner = Int32(last - first)
        let inGaps = gaps[last + 1] - gaps[first + 1]
        let inSpaces = spaces[last + 1] - spaces[first + 1]
        return inSpaces == 0 || inGaps == inner || isUnspaced(first)
    }

    private func isUnspaced(_ index: Int) -> Bool { text.kinds[index] == .unspaced }

    /// Whether a word may begin or end between a place and the letter before it; `inside` is the one that is part of the match.
    private func isBoundary(before place: Int, inside: Int) -> Bool {
        guard place > 0, place < text.letters.count, text.gaps[place] == .none else { return true }
        if isUnspaced(place) || isUnspaced(place - 1) { return true }
        let outside = inside == place ? place - 1 : place
        return text.kinds[outside] == .leet && text.kinds[inside] == .letter
    }
}
