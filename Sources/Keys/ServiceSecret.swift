public import Crypto
import Foundation

/// The one secret of an installation, shared by its nodes and kept outside the database. Everything that needs a key of
/// its own derives it from here by a name, so that no two uses share one.
public struct ServiceSecret: Sendable {
    private let key: SymmetricKey

    /// What the secret is used for.
    public enum Purpose: String, Sendable {
        /// The tag in API keys.
        case keyTag = "api key tag"
        /// Digests of verified keys in memory.
        case keyCache = "verified key cache"
        /// The short codes in task ids.
        case taskCode = "task code"
        /// Digests of redemption codes.
        case redemptionCode = "redemption code"
        /// Signatures of links to pictures.
        case imageLink = "image link"
        /// Seals the secrets of accounts' callbacks in the database.
        case callbackSecret = "callback secret"
        /// Seals the secrets of providers in the database.
        case providerSecret = "provider secret"
        /// Codes in the addresses at which providers call back.
        case providerCallback = "provider callback"
        /// What is kept in the database to notice that it belongs to another secret.
        case fingerprint = "fingerprint"
    }

    /// - Parameter hex: 64 hexadecimal digits; nil when it is anything else.
    public init?(hex: String) {
        let digits = Array(hex.utf8)
        // UInt8(_:radix:) alone would also take a sign.
        guard digits.count == 64, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: 64, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        key = SymmetricKey(data: bytes)
    }

    /// A new secret as 64 hexadecimal digits.
    public static func makeHex() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<32).map { _ in
            let byte = UInt8.random(in: 0...255, using: &generator)
            return (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    /// The key for a purpose: 32 bytes.
    public func key(for purpose: Purpose) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: key, info: Data(purpose.rawValue.utf8), outputByteCount: 32)
    }

    /// The key for a purpose as bytes.
    public func bytes(for purpose: Purpose) -> [UInt8] { key(for: purpose).withUnsafeBytes { Array($0) } }
}
