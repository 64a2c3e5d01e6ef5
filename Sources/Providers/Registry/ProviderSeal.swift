import Crypto
import Foundation

/// Seals providers' secrets with AES-GCM, each for its provider: a row that is given another name does not open.
struct ProviderSeal: Sendable {
    let key: SymmetricKey

    private func context(_ name: String) -> Data { Data("provider secret of \(name)".utf8) }

    /// A nonce of 12 bytes, the sealed text, and a tag of 16.
    func sealed(_ secret: String, for name: String) throws -> [UInt8] {
        let box = try AES.GCM.seal(Data(secret.utf8), using: key, authenticating: context(name))
        return Array(box.nonce) + Array(box.ciphertext) + Array(box.tag)
    }

    /// Nil when it was sealed with another key or for another name, or was changed.
    func opened(_ sealed: [UInt8], for name: String) -> String? {
        guard let box = try? AES.GCM.SealedBox(combined: sealed),
            let bytes = try? AES.GCM.open(box, using: key, authenticating: context(name))
        else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}
