import Domain
import HTTPTypes
import Hummingbird
import Keys

extension Request {
    /// The caller behind the key of the `Authorization` header, who may do this from where the request comes from.
    /// - Parameters:
    ///   - right: what the route needs; what reads needs `read`, everything else `generate`, unless it says otherwise.
    ///   - other: another right that is enough.
    func caller(_ keys: KeyVerifier, right: KeyRight? = nil, or other: KeyRight? = nil) async throws -> Caller {
        guard let header = headers[.authorization] else { throw KeyError.missing }
        guard header.lowercased().hasPrefix("bearer ") else { throw KeyError.invalid }
        let caller = try await keys.verify(String(header.dropFirst(7)))
        KeyedRequest.current?.found(caller)
        let needed = other.flatMap { caller.rights.contains($0) ? $0 : nil }
            ?? right ?? (method == .get || method == .head ? .read : .generate)
        try caller.check(needed, from: KeyedRequest.current?.address)
        return caller
    }

    /// The whole body, never more than is allowed.
    func boundedBody() async throws -> ByteBuffer {
        if let length = headers[.contentLength].flatMap({ Int($0) }), length > Limits.bodyBytesMax {
            throw APIError.bodyTooLarge
        }
        return try await body.collect(upTo: Limits.bodyBytesMax)
    }

    /// The `Idempotency-Key` header, which makes a submit safe to repeat.
    func idempotencyKey() throws -> String? {
        guard let key = headers[.idempotencyKey] else { return nil }
        let isPlain = key.utf8.allSatisfy { (0x21...0x7e).contains($0) }
        guard isPlain, (1...Limits.idempotencyKeyCharactersMax).contains(key.utf8.count) else {
            throw APIError.invalid(
                "Idempotency-Key", "The Idempotency-Key must be 1 to 255 visible ASCII characters without spaces.")
        }
        return key
    }
}
