public import Crypto
import Domain
import Foundation

/// Links to pictures that work without a key, for a day, for whoever has them.
public struct SignedLinks: Sendable {
    /// Why a link opens nothing.
    public enum Refusal: Error, Sendable, Equatable {
        /// Not made by this service, or changed since.
        case forged
        /// Past its 24 hours.
        case expired
    }

    private let key: SymmetricKey
    private let baseURL: String

    /// - Parameters:
    ///   - key: the installation's key for image links.
    ///   - baseURL: where customers reach this service, without a slash at the end.
    public init(key: SymmetricKey, baseURL: String) {
        self.key = key
        self.baseURL = baseURL
    }

    /// The link to a picture, valid until the given time in seconds since 1970.
    public func link(to path: ImagePath, expiresSeconds: Int64) -> String {
        "\(baseURL)/images/\(path.text)?expires=\(expiresSeconds)&signature=\(signature(path, expiresSeconds))"
    }

    /// Checks a link's parts; the signature first, so that a changed date is a forgery and not an expiry.
    public func check(
        _ path: ImagePath, expires: String, signature: String, nowSeconds: Int64
    ) throws(Refusal) {
        guard let seconds = Int64(expires) else { throw .forged }
        let expected = Array(self.signature(path, seconds).utf8)
        let given = Array(signature.utf8)
        guard expected.count == given.count, zip(expected, given).reduce(UInt8(0), { $0 | ($1.0 ^ $1.1) }) == 0 else {
            throw .forged
        }
        guard nowSeconds < seconds else { throw .expired }
    }

    private func signature(_ path: ImagePath, _ expiresSeconds: Int64) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Data("\(path.text) \(expiresSeconds)".utf8), using: key)
        return Data(code).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
