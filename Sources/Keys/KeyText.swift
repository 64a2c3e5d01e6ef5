import Crypto
public import Domain
import Foundation

/// The text of an API key: `zk_live_<selector>_<secret><tag>` or `zk_test_...`.
///
/// The selector (12 characters) finds the row, the secret (32 characters, 190 bits) proves the right, and the tag (11
/// characters) is a truncated HMAC over all that stands before it. Whoever does not have the service's secret cannot
/// make a tag that fits, so a forged key costs one HMAC and no query.
public struct KeyText: Sendable {
    static let selectorLength = 12
    static let secretLength = 32
    static let tagLength = 11
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// Live or test, from the prefix.
    public let mode: AccountMode
    /// Finds the row; not secret.
    public let selector: String
    /// What argon2id verifies.
    let secret: String
    /// The whole text.
    public let text: String

    /// The last four characters, so that people can tell keys apart.
    public var hint: String { String(text.suffix(4)) }

    /// Makes a new key.
    static func make(mode: AccountMode, tagKey: SymmetricKey) -> KeyText {
        var generator = SystemRandomNumberGenerator()
        func random(_ count: Int) -> String {
            String(decoding: (0..<count).map { _ in alphabet[Int.random(in: 0..<62, using: &generator)] }, as: UTF8.self)
        }
        let selector = random(selectorLength)
        let secret = random(secretLength)
        let body = "zk_\(mode.rawValue)_\(selector)_\(secret)"
        return KeyText(mode: mode, selector: selector, secret: secret, text: body + tag(of: body, tagKey))
    }

    private init(mode: AccountMode, selector: String, secret: String, text: String) {
        self.mode = mode
        self.selector = selector
        self.secret = secret
        self.text = text
    }

    /// Reads a key; nil when it does not have the shape or its tag was not made with our secret.
    init?(_ text: String, tagKey: SymmetricKey) {
        let prefixLength = 8
        guard text.utf8.count == prefixLength + Self.selectorLength + 1 + Self.secretLength + Self.tagLength else {
            return nil
        }
        let bytes = Array(text.utf8)
        let selectorEnd = prefixLength + Self.selectorLength
        let secretEnd = bytes.count - Self.tagLength
        switch String(decoding: bytes[..<prefixLength], as: UTF8.self) {
        case "zk_live_": mode = .live
        case "zk_test_": mode = .test
        default: return nil
        }
        guard bytes[selectorEnd] == UInt8(ascii: "_") else { return nil }
        let body = String(decoding: bytes[..<secretEnd], as: UTF8.self)
        let expected = Array(Self.tag(of: body, tagKey).utf8)
        // Every byte is looked at: the time must not tell how much of the tag was right.
        guard zip(expected, bytes[secretEnd...]).reduce(UInt8(0), { $0 | ($1.0 ^ $1.1) }) == 0 else { return nil }
        selector = String(decoding: bytes[prefixLength..<selectorEnd], as: UTF8.self)
        secret = String(decoding: bytes[(selectorEnd + 1)..<secretEnd], as: UTF8.self)
        self.text = text
    }

    private static func tag(of body: String, _ key: SymmetricKey) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Data(body.utf8), using: key)
        var value = code.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        var digits = [UInt8](repeating: 0, count: tagLength)
        for index in 0..<tagLength {
            digits[index] = alphabet[Int(value % 62)]
            value /= 62
        }
        return String(decoding: digits, as: UTF8.self)
    }
}
