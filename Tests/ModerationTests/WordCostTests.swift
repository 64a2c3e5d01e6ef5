import TestSupport
import Testing

@testable import Moderation

/// The search costs the text's length and nothing else. Steps are counted, because seconds belong to the machine.
@Suite(.timeLimit(.minutes(5))) struct WordCostTests {
    private static let letters = Array("abcdefghijklmnopqrstuvwxyz")

    private func word(_ length: Int, _ random: inout SeededGenerator) -> String {
        String((0..<length).map { _ in Self.letters.randomElement(using: &random) ?? "a" })
    }

    private func steps(_ matcher: WordMatcher, _ text: String) -> Int {
        var steps = 0
        _ = matcher.refusal(of: text, level: .strict, &steps)
        return steps
    }

    @Test func stepsGrowWithTheTextAndNotWithTheList() throws {
        var random = SeededGenerator(state: TestSeed.value)
        let rules = try (0..<10_000).map { number in
            ModerationWord(try WordRule(word(4 + number % 12, &random) + "q"), .sexual, .basic)
        }
        let few = WordMatcher(Array(rules.prefix(10)))
        let many = WordMatcher(rules)
        let text = (0..<400).map { _ in word(4, &random) }.joined(separator: " ")
        #expect(text.count == 1999)
        // Each letter takes one step forward and pays for at most one back.
        #expect(steps(few, text) <= 2 * 2000)
        #expect(steps(many, text) <= 3 * 2000)
        let long = Array(repeating: text, count: 8).joined(separator: " ")
        #expect(steps(many, long) <= 9 * steps(many, text))
    }

    /// Words that are each other's ends are all found at one letter, but there are no more of them than a word is long.
    @Test func theWorstListCostsABoundedFactor() throws {
        let rules = try (2...WordRule.lettersMax).map { length in
            let letters = (0..<length).map { $0.isMultiple(of: 2) ? "a" : "b" }.reversed().joined()
            return ModerationWord(try WordRule("*\(letters)*"), .sexual, .basic)
        }
        let matcher = WordMatcher(rules)
        let text = String(repeating: "ab", count: 1000)
        #expect(steps(matcher, text) <= (2 + WordRule.lettersMax) * 2000 + rules.count)
        #expect(matcher.refusal(of: text, level: .basic) == .sexual)
    }

    @Test func theSearchFindsWhatANaiveOneFinds() {
        var random = SeededGenerator(state: TestSeed.value)
        for _ in 0..<300 {
            let terms = (0..<Int.random(in: 1...12, using: &random)).map { _ in
                (0..<Int.random(in: 1...4, using: &random)).map { _ in UInt32.random(in: 1...3, using: &random) }
            }
            let text = (0..<60).map { _ in UInt32.random(in: 1...3, using: &random) }
            var found: [[Int]] = []
            TermAutomaton(terms).search(text) { found.append([$0, $1]) }
            var expected: [[Int]] = []
            for (number, term) in terms.enumerated() {
                for last in text.indices where last + 1 >= term.count && Array(text[(last + 1 - term.count)...last]) == term {
                    expected.append([number, last])
                }
            }
            #expect(Set(found) == Set(expected) && found.count == expected.count)
        }
    }
}
