import Domain
import HTTPTypes
import Hummingbird
import JobLife
import NIOCore

extension Response {
    /// A JSON reply.
    static func json(_ value: JSON, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) -> Response {
        json(value.bytes, status: status, headers: headers)
    }

    /// A large JSON reply, sent in parts; the room is held until all of them have gone.
    static func json(_ value: JSON, headers: HTTPFields, holding room: ByteRoom) -> Response {
        let bytes = ByteBuffer(bytes: value.bytes)
        var response = json([], headers: headers)
        response.body = ResponseBody(contentLength: bytes.readableBytes) { writer in
            var rest = bytes
            while let part = rest.readSlice(length: min(rest.readableBytes, partBytes)), part.readableBytes > 0 {
                try await writer.write(part)
            }
            try await writer.finish(nil)
            withExtendedLifetime(room) {}
        }
        return response
    }

    private static var partBytes: Int { 256 * 1024 }

    /// A JSON reply of bytes that are already JSON.
    static func json(_ bytes: [UInt8], status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        headers[.cacheControl] = "no-store"
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

extension HTTPField.Name {
    static func named(_ name: String) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else { preconditionFailure("'\(name)' is not a header's name") }
        return field
    }

    static let requestID = named("X-Request-Id")
    static let idempotencyKey = named("Idempotency-Key")
    static let idempotencyReplayed = named("Idempotency-Replayed")
    static let forwardedFor = named("X-Forwarded-For")
    static let rateLimit = named("RateLimit")
    static let rateLimitPolicy = named("RateLimit-Policy")
    static let noSniff = named("X-Content-Type-Options")
}
