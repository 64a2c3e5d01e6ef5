import Curl
import Moderation

/// The checkers behind the word list.
struct ModerationSettings: Sendable {
    private let all: [CheckerSettings]

    /// - Parameter text: the value of a setting, empty where there is none.
    init(_ text: (Setting) -> String) throws {
        let seconds = try Self.seconds(text(.moderationTimeout))
        let basic = try Self.thresholds(.moderationBasic, text)
        let strict = try Self.thresholds(.moderationStrict, text)
        let guardKind = text(.moderationGuardKind)
        guard let shape = CheckerShape(rawValue: guardKind), shape != .moderations else {
            throw SettingError(description: "ZIMAGE_MODERATION_GUARD_KIND is '\(guardKind)': write qwen3guard or llamaguard")
        }
        let rows: [(CheckerShape, Setting, Setting, Setting)] = [
            (.moderations, .moderationURL, .moderationKey, .moderationModel),
            (shape, .moderationGuardURL, .moderationGuardKey, .moderationGuardModel),
        ]
        all = try rows.compactMap { shape, url, key, model in
            let address = text(url)
            if address.isEmpty { return nil }
            guard address.hasPrefix("https://") || address.hasPrefix("http://") else {
                throw SettingError(description: "\(url.name) must be the whole address of the route, beginning with https:// or http://")
            }
            return CheckerSettings(
                shape: shape, url: address, key: text(key).isEmpty ? nil : text(key), model: text(model), timeoutSeconds: seconds,
                basic: basic, strict: strict)
        }
    }

    /// The checkers, in the order in which they are asked.
    func checkers(_ transfers: Transfers, _ settings: Settings) -> [Checker] {
        all.map { Checker($0, transfers: transfers, egress: settings.egress, caFile: settings.egressCAFile) }
    }

    private static func seconds(_ text: String) throws -> Double {
        guard let seconds = Double(text), (0.1...60).contains(seconds) else {
            throw SettingError(description: "ZIMAGE_MODERATION_TIMEOUT_SECONDS is '\(text)': give a number from 0.1 to 60")
        }
        return seconds
    }

    private static func thresholds(_ setting: Setting, _ text: (Setting) -> String) throws -> Thresholds {
        do { return try Thresholds(text(setting)) } catch {
            throw SettingError(description: "\(setting.name): \(error)")
        }
    }
}

extension Setting {
    static let moderationURL = Setting(
        name: "ZIMAGE_MODERATION_URL",
        meaning: "route that speaks OpenAI's /v1/moderations, asked after the word list; a private one needs ZIMAGE_EGRESS_ALLOW; "
            + "empty: none, and pictures are not checked", fallback: "")
    static let moderationKey = Setting(
        name: "ZIMAGE_MODERATION_KEY", meaning: "its key", fallback: "", isSecret: true)
    static let moderationModel = Setting(
        name: "ZIMAGE_MODERATION_MODEL", meaning: "the model that it is asked for", fallback: "omni-moderation-latest")
    static let moderationTimeout = Setting(
        name: "ZIMAGE_MODERATION_TIMEOUT_SECONDS", meaning: "how long a checker may take for an answer", fallback: "5")
    static let moderationBasic = Setting(
        name: "ZIMAGE_MODERATION_BASIC", meaning: "scores from which on everybody is refused",
        fallback: "sexual/minors=0.1,sexual=0.9,violence/graphic=0.9,self-harm=0.9,self-harm/intent=0.9,self-harm/instructions=0.9")
    static let moderationStrict = Setting(
        name: "ZIMAGE_MODERATION_STRICT", meaning: "scores from which on those are refused who ask for nsfw_check",
        fallback: "sexual/minors=0.1,sexual=0.4,violence=0.5,violence/graphic=0.4,self-harm=0.4,self-harm/intent=0.4,"
            + "self-harm/instructions=0.4,hate/threatening=0.5")
    static let moderationGuardURL = Setting(
        name: "ZIMAGE_MODERATION_GUARD_URL",
        meaning: "route /v1/chat/completions of a guard model, asked about prompts; empty: none", fallback: "")
    static let moderationGuardKey = Setting(
        name: "ZIMAGE_MODERATION_GUARD_KEY", meaning: "its key", fallback: "", isSecret: true)
    static let moderationGuardModel = Setting(
        name: "ZIMAGE_MODERATION_GUARD_MODEL", meaning: "the model that it is asked for", fallback: "Qwen/Qwen3Guard-Gen-0.6B")
    static let moderationGuardKind = Setting(
        name: "ZIMAGE_MODERATION_GUARD_KIND", meaning: "how it answers: qwen3guard or llamaguard", fallback: "qwen3guard")

    static let moderation = [
        moderationURL, moderationKey, moderationModel, moderationTimeout, moderationBasic, moderationStrict, moderationGuardURL,
        moderationGuardKey, moderationGuardModel, moderationGuardKind,
    ]
}
