public import Crypto
import Foundation

/// The addresses at which providers say that a job has ended, one for each submit. Only this installation can make them: the
/// last part is the submit's reference with a code of it, so that a guessed one is known without asking anybody.
///
/// Whoever has an address can have the job asked for a little sooner, and nothing else: what is sent there is never read.
public struct ProviderCallbacks: Sendable {
    private static let codeBytes = 16
    /// Longer than any token, and short enough to be looked at without a thought.
    private static let tokenBytesMax = 200

    private let key: SymmetricKey
    private let baseURL: String?

    /// - Parameters:
    ///   - key: the installation's key for these addresses.
    ///   - baseURL: what they begin with, without a slash at the end; nil when providers have no way to this service.
    public init(key: SymmetricKey, baseURL: String?) {
        self.key = key
        self.baseURL = baseURL
    }

    /// The address of a submit, always the same; nil when providers have no way to this service.
    public func url(for reference: String) -> String? { baseURL.map { "\($0)/\(token(for: reference))" } }

    /// The reference behind the last part of an address; nil when this installation has not made it.
    public func reference(_ token: String) -> String? {
        let given = Array(token.utf8)
        // A hyphen and two digits a byte.
        let end = given.count - Self.codeBytes * 2 - 1
        guard given.count <= Self.tokenBytesMax, end > 0 else { return nil }
        let reference = String(decoding: given[..<end], as: UTF8.self)
        let expected = Array(self.token(for: reference).utf8)
        guard expected.count == given.count, zip(expected, given).reduce(UInt8(0), { $0 | ($1.0 ^ $1.1) }) == 0 else {
            return nil
        }
        return reference
    }

    private func token(for reference: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Data(reference.utf8), using: key).prefix(Self.codeBytes)
        return "\(reference)-" + code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
