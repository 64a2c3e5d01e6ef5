import Foundation
import TestSupport
import Testing

@testable import Moderation

@Suite(.timeLimit(.minutes(5))) struct WordMatcherTests {
    @Test func theBuiltInListRefusesAHundredDisguises() async throws {
        let matcher = WordMatcher(try await BuiltInList.words())
        var count = 0
        for (category, texts) in Samples.evasions {
            for text in texts {
                count += 1
                #expect(matcher.refusal(of: text, level: .strict) == category, "\(text.debugDescription)")
                let within = "a picture of \(text) in a garden"
                #expect(matcher.refusal(of: within, level: .strict) == category, "\(text.debugDescription)")
            }
        }
        #expect(count >= 100)
    }

    @Test func whatIsRefusedAlwaysIsRefusedWithoutStrictness() async throws {
        let matcher = WordMatcher(try await BuiltInList.words())
        for text in Samples.evasions[1].texts { #expect(matcher.refusal(of: text, level: .basic) == .sexualMinors, "\(text)") }
        for text in ["nude", "gore", "suicide", "swastika", "裸体"] { #expect(matcher.refusal(of: text, level: .basic) == nil, "\(text)") }
    }

    @Test func aHundredInnocentTextsPass() async throws {
        let hard = try Samples.hard.map { ModerationWord(try WordRule($0.0), $0.1, $0.2) }
        let matcher = WordMatcher(try await BuiltInList.words() + hard)
        for text in Samples.innocent { #expect(matcher.refusal(of: text, level: .strict) == nil, "\(text.debugDescription)") }
        #expect(Samples.innocent.count >= 100)
    }

    /// Whatever a writer puts between the letters, on them or in their place.
    @Test func noDisguiseAtRandomHidesAWord() throws {
        var random = SeededGenerator(state: TestSeed.value)
        let words = ["nude", "porn", "lolicon", "swastika", "decapitated", "色情", "裸体", "голая", "عارية", "child porn"]
        let matcher = try Samples.matcher(words.map { ($0, .sexual, .basic) })
        let invisible = ["\u{200b}", "\u{200c}", "\u{200d}", "\u{2060}", "\u{feff}", "\u{ad}", "\u{34f}", "\u{301}", "\u{338}", "\u{fe0f}"]
        let marks = [".", "-", "_", "*", "/", ",", "~", "•", "·", "'", "\"", "^", "🍆", "…", "(", "❤️", "#", "=", ":"]
        let leet: [Character: [String]] = ["o": ["0"], "i": ["1", "!"], "e": ["3", "€"], "a": ["4", "@"], "s": ["5", "$"], "t": ["7"]]
        for _ in 0..<3000 {
            let word = try #require(words.randomElement(using: &random))
            let style = Int.random(in: 0..<5, using: &random)
            var text = ""
            for (index, letter) in word.enumerated() {
                var gap = ""
                if index > 0, letter != " " {
                    if style == 2 { gap = String(repeating: " ", count: Int.random(in: 1...3, using: &random)) }
                    let signs = [0: invisible, 1: marks][style] ?? []
                    if Bool.random(using: &random) { gap += signs.randomElement(using: &random) ?? "" }
                }
                // After the first letter, so that one at least is real.
                let disguised = style == 3 && index > 0 ? leet[letter]?.randomElement(using: &random) : nil
                let written = disguised ?? String(letter)
                text += gap + (Bool.random(using: &random) ? written.uppercased() : written)
            }
            if style == 4 { text = try #require(stretched(text, &random)) }
            let around = "a cat, \(text) and a dog"
            #expect(matcher.refusal(of: around, level: .basic) == .sexual, "\(around.debugDescription)")
        }
    }

    private func stretched(_ text: String, _ random: inout SeededGenerator) -> String? {
        guard text.unicodeScalars.allSatisfy({ ("a"..."z").contains($0) || ("A"..."Z").contains($0) }) else { return text }
        guard let index = text.indices.randomElement(using: &random) else { return nil }
        let run = String(repeating: text[index], count: Int.random(in: 3...9, using: &random))
        return text.replacingCharacters(in: index...index, with: run)
    }

    /// A word that lies within another word is not that word, wherever it lies.
    @Test func aWordWithinAWordIsAnother() throws {
        var random = SeededGenerator(state: TestSeed.value)
        let matcher = try Samples.matcher([("nude|rape|ass|hell", .sexual, .basic)])
        for _ in 0..<1000 {
            let word = try #require(["nude", "rape", "ass", "hell"].randomElement(using: &random))
            let before = (0..<Int.random(in: 0...3, using: &random)).map { _ in "bcfgkm".randomElement(using: &random) ?? "b" }
            let after = (0..<Int.random(in: before.isEmpty ? 1...3 : 0...3, using: &random)).map { _ in
                "bcfgkm".randomElement(using: &random) ?? "b"
            }
            let text = String(before) + word + String(after)
            #expect(matcher.refusal(of: "the \(text) is", level: .basic) == nil, "\(text)")
        }
    }

    @Test func partsMustComeTogetherInAnyOrder() throws {
        let matcher = try Samples.matcher([("child|kid + nude*|naked", .sexualMinors, .basic), ("a1 house + red", .hate, .basic)])
        for text in ["child nude", "nude child", "NUDES and a k1d", "naked, naked, kid"] {
            #expect(matcher.refusal(of: text, level: .basic) == .sexualMinors, "\(text)")
        }
        for text in ["child kid", "nude naked", "childish nudity of mankind", ""] {
            #expect(matcher.refusal(of: text, level: .basic) == nil, "\(text)")
        }
    }

    @Test func anAllowedPhraseLiftsOnlyWhatLiesWithinIt() throws {
        let matcher = try Samples.matcher([
            ("naked", .sexual, .basic), ("naked mole rat*", .sexual, .allowed), ("色情", .sexual, .basic), ("色情调", .sexual, .allowed),
        ])
        #expect(matcher.refusal(of: "two naked mole rats", level: .basic) == nil)
        #expect(matcher.refusal(of: "two naked mole rats and a naked man", level: .basic) == .sexual)
        #expect(matcher.refusal(of: "a naked man and two naked mole rats", level: .basic) == .sexual)
        #expect(matcher.refusal(of: "naked mole", level: .basic) == .sexual)
        #expect(matcher.refusal(of: "暖色情调", level: .basic) == nil)
        #expect(matcher.refusal(of: "暖色情调的色情", level: .basic) == .sexual)
    }

    @Test func theWorstCategoryIsNamed() throws {
        let matcher = try Samples.matcher([("aab", .sexual, .basic), ("bbc", .sexualMinors, .strict), ("ccd", .violence, .basic)])
        #expect(matcher.refusal(of: "aab bbc ccd", level: .basic) == .violence)
        #expect(matcher.refusal(of: "aab bbc ccd", level: .strict) == .sexualMinors)
        #expect(matcher.refusal(of: "aab", level: .basic) == .sexual)
    }

    @Test(arguments: [
        ("", WordRuleError.length), (" ", .length), (String(repeating: "a b ", count: 126), .length), ("a", .tooShort), ("1234", .tooShort),
        ("nude|", .tooShort), ("+nude", .tooShort), ("xxx", .tooShort), ("**", .tooShort), ("n*de", .starInside), ("a*b*", .starInside),
        (String(repeating: "ab", count: 33), .tooLong), ("aa + bb + cc + dd + ee", .tooManyWords),
        (Array(repeating: "ab", count: 65).joined(separator: "|"), .tooManyWords),
    ])
    func aRuleThatCannotWorkIsRefused(rule: String, error: WordRuleError) {
        #expect(throws: error) { try WordRule(rule) }
        #expect(!error.description.isEmpty)
    }
}
