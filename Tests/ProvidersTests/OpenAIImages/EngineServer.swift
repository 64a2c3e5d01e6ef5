import Foundation
import Synchronization
import TestSupport

/// A server that keeps every call; the test's closure plays the engine.
final class EngineServer: Sendable {
    private let server: LocalServer
    private let seen: Seen

    /// What was asked so far.
    var calls: [EngineCall] { seen.calls }
    var baseURL: String { server.url("") }

    init(_ serve: @escaping @Sendable (EngineConnection, EngineCall) -> Void) throws {
        let seen = Seen()
        self.seen = seen
        server = try LocalServer { local in
            let connection = EngineConnection(local)
            while !connection.isEnded, let call = local.readRequest() {
                seen.add(call)
                serve(connection, call)
            }
        }
    }

    /// A server that answers every call alike.
    static func answering(_ body: String, status: Int = 200, headers: [String] = []) throws -> EngineServer {
        try EngineServer { connection, _ in connection.answer(body, status: status, headers: headers) }
    }
}

private final class Seen: Sendable {
    private let list = Mutex<[EngineCall]>([])
    var calls: [EngineCall] { list.withLock { $0 } }
    func add(_ call: EngineCall) { list.withLock { $0.append(call) } }
}

/// One accepted connection, seen from the engine.
final class EngineConnection {
    private let connection: LocalConnection
    private(set) var isEnded = false

    init(_ connection: LocalConnection) { self.connection = connection }

    func answer(_ body: String, status: Int = 200, headers: [String] = []) {
        connection.respond(status, headers: ["Content-Type: application/json"] + headers, body: body)
    }

    func answer(bytes: [UInt8]) { connection.respond(bytes: bytes) }

    /// Begins a stream of events that ends with the connection.
    func beginStream() { send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n") }

    func event(_ data: String) { send("data: \(data)\n\n") }

    func send(_ text: String) { connection.send(text) }

    /// Returns when the client has closed its end.
    func waitForClose() { connection.waitForClose() }

    /// Ends the connection with a reset instead of in order.
    func reset() {
        connection.reset()
        end()
    }

    /// Ends the connection when the test's closure returns.
    func end() { isEnded = true }
}

typealias EngineCall = ReceivedRequest

extension ReceivedRequest {
    struct Part: Sendable {
        let head: String
        let bytes: [UInt8]

        var name: String { String(head.split(separator: "name=\"").dropFirst().first?.prefix { $0 != "\"" } ?? "") }
        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    var line: String { requestLine }
    var text: String { String(decoding: body, as: UTF8.self) }

    /// The parts of a form in order.
    var parts: [Part] {
        guard let type = header("content-type"), let mark = type.range(of: "boundary=") else { return [] }
        let delimiter = Data("--\(type[mark.upperBound...])".utf8)
        let data = Data(body)
        var parts: [Part] = []
        var start = data.range(of: delimiter)?.upperBound
        while let from = start, let next = data.range(of: delimiter, in: from..<data.count) {
            // A line break stands before the head and before the delimiter.
            let part = data[(from + 2)..<(next.lowerBound - 2)]
            guard let gap = part.range(of: Data("\r\n\r\n".utf8)) else { return [] }
            parts.append(Part(head: String(decoding: part[..<gap.lowerBound], as: UTF8.self), bytes: Array(part[gap.upperBound...])))
            start = next.upperBound
        }
        return parts
    }
}

extension EngineConnection {
    /// Returns when something has been sent; blocks the connection's own thread.
    func waitForPermit(_ permits: AsyncStream<Void>) {
        let semaphore = DispatchSemaphore(value: 0)
        Task {
            for await _ in permits { break }
            semaphore.signal()
        }
        semaphore.wait()
    }
}
