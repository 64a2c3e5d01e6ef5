import Curl
import Domain
import Providers
import Synchronization
import TestSupport

/// A host on loopback that does what a test tells it to, request by request.
final class ScriptedHost: Sendable {
    /// What it does with a request.
    enum Act: Sendable, CustomStringConvertible {
        case answer(Int, String = "", headers: [String] = [])
        case bytes([UInt8])
        /// Closes the connection without an answer.
        case close
        case reset
        /// Closes it amid an answer.
        case cut
        /// Says nothing until the client gives up.
        case silent
        /// Answers without end.
        case endless

        /// The moments at which an answer can be lost.
        static let losses: [Act] = [.close, .reset, .cut, .silent, .endless]

        var description: String {
            switch self {
            case .answer(let status, let body, let headers): "\(status) \(headers) \(body.prefix(80))"
            case .bytes(let bytes): "\(bytes.count) bytes"
            case .close: "close"
            case .reset: "reset"
            case .cut: "cut"
            case .silent: "silent"
            case .endless: "endless"
            }
        }
    }

    /// Each request, when it has come.
    let arrived = Announcements<ReceivedRequest>()
    private let server: LocalServer
    private let seen: Seen

    private final class Seen: Sendable {
        let requests = Mutex<[ReceivedRequest]>([])
    }

    /// - Parameter act: for each request, what to do.
    init(_ act: @escaping @Sendable (ReceivedRequest) -> Act) throws {
        let (arrived, seen) = (arrived, Seen())
        self.seen = seen
        server = try LocalServer { connection in
            while let request = connection.readRequest() {
                seen.requests.withLock { $0.append(request) }
                arrived.send(request)
                guard Self.perform(act(request), connection) else { return }
            }
        }
    }

    /// Does the same with every request.
    convenience init(_ act: Act) throws { try self.init { _ in act } }

    var requests: [ReceivedRequest] { seen.requests.withLock { $0 } }
    var connectionCount: Int { server.connectionCount }
    var baseURL: String { server.url("") }

    /// Whether the connection goes on.
    private static func perform(_ act: Act, _ connection: LocalConnection) -> Bool {
        switch act {
        case .answer(let status, let body, let headers): connection.respond(status, headers: headers, body: body)
        case .bytes(let bytes): connection.respond(bytes: bytes)
        case .close: return false
        case .reset:
            connection.reset()
            return false
        case .cut:
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"task_id\":\"1\",\"id\":\"1\"")
            return false
        case .silent:
            connection.waitForClose()
            return false
        case .endless:
            connection.send("HTTP/1.1 200 OK\r\n\r\n{\"task_id\":\"1\",\"id\":\"1\"")
            // More than any answer may have; sending stops when the client closes.
            for _ in 0..<1024 { connection.send([UInt8](repeating: 32, count: 65536)) }
            return false
        }
        return true
    }
}

/// Calls a provider with transfers of its own.
func withAccess(
    egress: EgressRule = EgressRule(), _ body: (ProviderAccess) async throws -> Void
) async throws {
    try await withTransfers { try await body(ProviderAccess(transfers: $0, egress: egress)) }
}
