/// What a key may do; it may have several.
public enum KeyRight: String, Sendable, CaseIterable, Codable {
    /// Submit tasks, cancel them, redeem codes, and see what verifies their callbacks.
    case generate
    /// Look at tasks and credits.
    case read
    /// Change what the account is set up with, such as its callbacks' secret.
    case admin

    /// What a key has unless its operator says otherwise.
    public static let usual: Set<KeyRight> = [.generate, .read]

    /// Reads a comma list such as `generate,read`; nil when a word is none of the rights, or there is none.
    public static func list(_ text: String) -> Set<KeyRight>? {
        let words = text.split(separator: ",", omittingEmptySubsequences: false)
        let rights = words.compactMap { KeyRight(rawValue: String($0)) }
        return rights.count == words.count ? Set(rights) : nil
    }

    /// A comma list in a fixed order.
    public static func text(_ rights: Set<KeyRight>) -> String {
        allCases.filter(rights.contains).map(\.rawValue).joined(separator: ",")
    }
}
