import Domain
import Foundation

/// What a checker is asked about.
public enum CheckedInput: Sendable {
    /// A prompt.
    case text(String)
    /// An encoded picture.
    case picture([UInt8], contentType: String)

    var digestPrefix: UInt8 {
        switch self {
        case .text: 0
        case .picture: 1
        }
    }

    var bytes: [UInt8] {
        switch self {
        case .text(let text): Array(text.utf8)
        case .picture(let bytes, _): bytes
        }
    }
}

/// What a checker speaks.
public enum CheckerShape: String, Sendable, CaseIterable {
    /// OpenAI's `/v1/moderations`: texts and pictures, with a score for each category.
    case moderations
    /// Qwen3Guard behind `/v1/chat/completions`: texts only.
    case qwen3guard
    /// Llama Guard 3 or 4 behind `/v1/chat/completions`: used for texts only.
    case llamaguard

    /// Whether pictures can be asked about.
    var seesPictures: Bool { self == .moderations }

    func requestBody(_ input: CheckedInput, model: String) -> [UInt8] {
        switch (self, input) {
        case (.moderations, .text(let text)):
            return JSON.object([("model", .string(model)), ("input", .string(text))]).bytes
        case (.moderations, .picture(let bytes, let contentType)):
            let url = "data:\(contentType);base64,\(Data(bytes).base64EncodedString())"
            let image = JSON.object([("type", .string("image_url")), ("image_url", .object([("url", .string(url))]))])
            return JSON.object([("model", .string(model)), ("input", .array([image]))]).bytes
        case (_, .text(let text)):
            let message = JSON.object([("role", .string("user")), ("content", .string(ChatGuard.withoutMarkers(text)))])
            return JSON.object([
                ("model", .string(model)), ("messages", .array([message])), ("temperature", .int(0)), ("max_tokens", .int(64)),
            ]).bytes
        case (_, .picture): return []
        }
    }

    /// The scores of a reply; nil when it is none.
    func scores(_ body: [UInt8]) -> [ModerationCategory: Double]? {
        if self == .moderations {
            return (try? JSONDecoder().decode(ModerationsReply.self, from: Data(body)))?.scores
        }
        guard let reply = try? JSONDecoder().decode(ChatReply.self, from: Data(body)), let text = reply.choices.first?.message.content
        else { return nil }
        return self == .qwen3guard ? ChatGuard.qwenScores(text) : ChatGuard.llamaScores(text)
    }
}

private struct ModerationsReply: Decodable {
    struct Result: Decodable {
        let flagged: Bool
        let categories: [String: Bool?]?
        let category_scores: [String: Double?]?
    }

    let results: [Result]

    /// The highest of each category. A server that gives no scores says only yes or no. One that flags a category that
    /// we do not know, and nothing else, has still refused nothing that an operator asked for.
    var scores: [ModerationCategory: Double]? {
        guard !results.isEmpty else { return nil }
        var scores: [ModerationCategory: Double] = [:]
        for result in results {
            guard result.category_scores != nil || result.categories != nil else { return nil }
            for category in ModerationCategory.allCases {
                let flag = (result.categories?[category.rawValue] ?? nil) == true ? 1.0 : 0
                let score = (result.category_scores?[category.rawValue] ?? nil) ?? flag
                guard score.isFinite else { return nil }
                scores[category] = max(scores[category] ?? 0, score)
            }
        }
        return scores
    }
}

private struct ChatReply: Decodable {
    struct Choice: Decodable { let message: Message }
    struct Message: Decodable { let content: String? }
    let choices: [Choice]
}

/// Models that judge a chat's last message.
enum ChatGuard {
    /// With these, a text could end its own turn in the guard's chat template and answer in the guard's place.
    private static let markers = [
        "<|", "|>", "<｜", "｜>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<start_of_turn>", "<end_of_turn>", "<s>", "</s>",
        "<think>", "</think>", "<BEGIN CONVERSATION>", "<END CONVERSATION>", "<BEGIN UNSAFE CONTENT CATEGORIES>",
    ]

    /// The text without chat-template markers. Removing one can make another, so until none is left: each round makes
    /// the text shorter.
    static func withoutMarkers(_ text: String) -> String {
        var text = text
        while let marker = markers.first(where: { text.range(of: $0, options: .caseInsensitive) != nil }) {
            text = text.replacingOccurrences(of: marker, with: " ", options: .caseInsensitive)
        }
        return text
    }

    /// `Safety: Safe|Controversial|Unsafe` and `Categories: ...`. Politics, privacy, copyright and jailbreaks are no reason
    /// not to draw a picture.
    static func qwenScores(_ text: String) -> [ModerationCategory: Double]? {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
        guard let safety = lines.first(where: { $0.hasPrefix("Safety:") })?.dropFirst(7).trimmingCharacters(in: .whitespaces),
            let score = ["Safe": 0.0, "Controversial": 0.5, "Unsafe": 1.0][safety]
        else { return nil }
        let named = lines.first { $0.hasPrefix("Categories:") } ?? ""
        return scores(score, named, [
            ("Sexual", .sexual), ("Suicide", .selfHarm), ("Non-violent Illegal", .illicit), ("Unethical", .hate),
        ]) { $0.contains("Violent") ? [.violenceGraphic] : [] }
    }

    private static func scores(
        _ score: Double, _ named: String, _ table: [(String, ModerationCategory)],
        _ more: (String) -> [ModerationCategory]
    ) -> [ModerationCategory: Double] {
        let categories = table.filter { named.contains($0.0) }.map(\.1) + more(named)
        return Dictionary(categories.map { ($0, score) }) { first, _ in first }
    }

    /// `safe`, or `unsafe` and a line of hazards such as `S4,S12`. Sexual content as such is for adults; the rest is not.
    static func llamaScores(_ text: String) -> [ModerationCategory: Double]? {
        let words = text.split { $0.isWhitespace || $0 == "," }.map(String.init)
        guard let verdict = words.first, verdict == "safe" || verdict == "unsafe" else { return nil }
        guard verdict == "unsafe" else { return [:] }
        let table: [String: (ModerationCategory, Double)] = [
            "S1": (.illicitViolent, 1), "S2": (.illicit, 0.5), "S3": (.sexual, 1), "S4": (.sexualMinors, 1),
            "S9": (.illicitViolent, 1), "S10": (.hate, 1), "S11": (.selfHarm, 1), "S12": (.sexual, 0.5),
        ]
        var scores: [ModerationCategory: Double] = [:]
        for (category, score) in words.dropFirst().compactMap({ table[$0] }) {
            scores[category] = max(scores[category] ?? 0, score)
        }
        return scores
    }

    /// What a guard calls unsafe is refused always, what it calls controversial only where strictness was asked for.
    static func thresholds(_ level: ModerationLevel) -> Thresholds {
        let least = level == .basic ? 1.0 : 0.5
        return Thresholds(Dictionary(uniqueKeysWithValues: ModerationCategory.allCases.map { ($0, least) }))
    }
}
