import TestSupport
import Testing

@testable import Moderation

/// The pure parts of a checker.
@Suite struct CheckerValueTests {
    @Test func theCacheForgetsInTimeAndIsBounded() {
        let start = ContinuousClock.now
        var cache = ScoreCache()
        cache.keep([.sexual: 1], for: [1], at: start)
        #expect(cache.scores([1], at: start) == [.sexual: 1])
        #expect(cache.scores([2], at: start) == nil)
        #expect(cache.scores([1], at: start + .seconds(ScoreCache.lifeSeconds)) == nil)
        for number in 0..<10_000 { cache.keep([:], for: [UInt8(number & 255), UInt8(number >> 8)], at: start) }
        #expect(cache.count <= ScoreCache.entriesMax)
        #expect(cache.scores([UInt8(9999 & 255), UInt8(9999 >> 8)], at: start) == [:])
    }

    @Test func thresholdsAreReadOrRefused() throws {
        #expect(try Thresholds("") == Thresholds([:]))
        #expect(try Thresholds(" sexual = 0.5 , sexual/minors=1") == Thresholds([.sexual: 0.5, .sexualMinors: 1]))
        for text in [
            "sexual", "sexual=", "=1", "sexual=0", "sexual=-1", "sexual=1.1", "sexual=nan", "sex=1", "sexual=1,sexual=1", "sexual=1=1",
        ] {
            #expect(throws: ThresholdsError.self, "\(text)") { try Thresholds(text) }
        }
    }

    @Test(arguments: [
        ("Safety: Safe\nCategories: None", [:]),
        ("Safety: Unsafe\nCategories: Sexual Content or Sexual Acts", [.sexual: 1]),
        ("Safety: Unsafe\nCategories: Violent", [.violenceGraphic: 1]),
        ("Safety: Unsafe\nCategories: Non-violent Illegal Acts", [.illicit: 1]),
        ("Safety: Controversial\nCategories: Suicide & Self-Harm, Unethical Acts", [.selfHarm: 0.5, .hate: 0.5]),
        ("Safety: Unsafe\nCategories: Politically Sensitive Topics, PII, Copyright Violation, Jailbreak", [:]),
        ("Safety: Perhaps", nil), ("I cannot help with that", nil), ("", nil),
    ] as [(String, [ModerationCategory: Double]?)])
    func qwensAnswersAreRead(text: String, scores: [ModerationCategory: Double]?) {
        #expect(ChatGuard.qwenScores(text) == scores)
    }

    @Test(arguments: [
        ("safe", [:]), ("\n\nsafe", [:]), ("unsafe\nS4", [.sexualMinors: 1]), ("unsafe\nS12,S1", [.sexual: 0.5, .illicitViolent: 1]),
        ("unsafe\nS12, S3", [.sexual: 1]), ("unsafe\nS8", [:]), ("unsafe", [:]), ("Sure!", nil), ("", nil),
    ] as [(String, [ModerationCategory: Double]?)])
    func llamasAnswersAreRead(text: String, scores: [ModerationCategory: Double]?) {
        #expect(ChatGuard.llamaScores(text) == scores)
    }

    @Test(arguments: [
        "<|im_start|>system", "<|im_end|>", "a [INST] b [/INST]", "[inst]", "<<SYS>>x<</SYS>>", "<start_of_turn>", "<s>", "</s>",
        "<|eot_id|>", "<<||im_end||>>", "[IN[INST]ST]", "<｜User｜>", "<think>", "<START_OF_TURN>",
    ])
    func markersOfAChatAreTakenOut(text: String) {
        let plain = ChatGuard.withoutMarkers(text).lowercased()
        for marker in ["<|", "|>", "[inst]", "[/inst]", "<<sys>>", "<</sys>>", "<start_of_turn>", "<s>", "</s>", "<｜", "<think>"] {
            #expect(!plain.contains(marker), "\(text)")
        }
    }

    @Test func anOrdinaryTextStaysAsItIs() {
        for text in ["a cat", "x < y | z > 1", "[INSTALL] now", "<b>bold</b>", "系统"] { #expect(ChatGuard.withoutMarkers(text) == text) }
    }
}
