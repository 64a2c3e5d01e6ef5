import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// Reads the bodies of routes that take pictures as data URIs. Such a body may be large, so that only a few are in memory at
/// once; a body without pictures is as small as everywhere else, and never waits or is refused.
final class PictureBodies: Sendable {
    private let free: Mutex<Int>

    /// - Parameter countMax: how many large bodies this node holds at once.
    init(countMax: Int = Limits.inputBodiesMax) { free = Mutex(countMax) }

    /// Reads a body and hands it to the reader, during which it counts as being in memory.
    func read<Value>(
        _ request: Request, _ reader: (ByteBuffer) async throws -> Value
    ) async throws -> Value {
        let length = request.headers[.contentLength].flatMap { Int($0) }
        if let length, length <= Limits.bodyBytesMax { return try await reader(try await request.boundedBody()) }
        if let length, length > Limits.inputBodyBytesMax { throw APIError.inputBodyTooLarge }
        // A body that does not say how large it is may be large.
        guard take() else { throw APIError.tooManyBodies }
        defer { free.withLock { $0 += 1 } }
        do { return try await reader(try await request.body.collect(upTo: Limits.inputBodyBytesMax)) } catch is NIOTooManyBytesError {
            throw APIError.inputBodyTooLarge
        }
    }

    private func take() -> Bool {
        free.withLock { free in
            guard free > 0 else { return false }
            free -= 1
            return true
        }
    }
}

extension APIError {
    static let inputBodyTooLarge = APIError(
        kind: .tooLarge, message: "The request body is larger than \(Limits.inputBodyBytesMax) bytes.",
        suggestion: "send smaller pictures or name them by URL")
    static let tooManyBodies = APIError(
        kind: .unavailable, message: "Too many requests with pictures are being read; nothing was charged.",
        suggestion: "retry after 2 seconds, or name the pictures by URL", retryAfterSeconds: 2)

    /// A fault in the pictures of a request; `names` are the dialect's own names of the fields.
    init(input error: InputError, names: [InputField: String] = [:]) {
        let name = names[error.field] ?? error.field.rawValue
        self.init(
            kind: error.fault == .fileTooLarge ? .tooLarge : .invalidRequest, message: error.message(naming: name), param: name)
    }
}
