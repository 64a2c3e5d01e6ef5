/// What a text or picture is refused for, in the words of OpenAI's moderation. The worst come first: where several apply,
/// the first is named.
public enum ModerationCategory: String, Sendable, CaseIterable {
    case sexualMinors = "sexual/minors"
    case selfHarmInstructions = "self-harm/instructions"
    case selfHarmIntent = "self-harm/intent"
    case selfHarm = "self-harm"
    case hateThreatening = "hate/threatening"
    case hate
    case harassmentThreatening = "harassment/threatening"
    case harassment
    case illicitViolent = "illicit/violent"
    case illicit
    case violenceGraphic = "violence/graphic"
    case violence
    case sexual

    var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// How strict moderation is.
public enum ModerationLevel: String, Sendable, CaseIterable {
    /// What is never drawn, for nobody.
    case basic
    /// What is not drawn for those who ask for `nsfw_check`; all of `basic` besides.
    case strict
}
