import Curl
import Foundation

/// An answer of a hosted provider, as far as any dialect reads it.
struct HostedReply: Sendable {
    private static let quotedCharactersMax = 160
    private static let idCharactersMax = 200

    let status: Int
    /// Null where it is not JSON. Its content type does not matter: some hosts name a wrong one.
    let body: LooseJSON
    /// From the header of that name.
    let retryAfterSeconds: Double?
    private let location: String?
    private let secret: String?

    init(status: Int, body: [UInt8], retryAfter: String? = nil, location: String? = nil, secret: String? = nil) {
        self.status = status
        self.body = LooseJSON(body)
        self.retryAfterSeconds = retryAfter.flatMap { RetryAfter.seconds($0, now: Date()) }.map(Double.init)
        self.location = location
        self.secret = secret
    }

    init(_ response: TransferResponse, secret: String?) {
        self.init(
            status: response.status, body: response.body, retryAfter: response.header("retry-after"),
            location: response.header("location"), secret: secret)
    }

    var isSuccess: Bool { (200..<300).contains(status) }

    /// Words of the provider's, fit for a message. Hosts repeat keys in their errors.
    func clean(_ words: String) -> String {
        var text = words
        if let secret, !secret.isEmpty { text = text.replacingOccurrences(of: secret, with: "***") }
        text = String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : Character($0) })
        return String(text.prefix(Self.quotedCharactersMax))
    }

    /// `it answered 502`, and what an operator wants to know of an answer that is not understood.
    var summary: String {
        if let location { return "it answered \(status) and leads to \(clean(location))" }
        return "it answered \(status)\(body.isObject ? "" : " and no JSON object")"
    }

    /// A provider's id for a job; nil when it is none that could be stored and asked for.
    static func id(_ value: LooseJSON) -> String? {
        guard let text = value.text, text.utf8.count <= idCharactersMax, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { return nil }
        return text
    }
}
