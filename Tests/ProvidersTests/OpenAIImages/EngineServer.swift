import Foundation
import Glibc
import Synchronization

/// A plain HTTP server on 127.0.0.1 with one thread a connection, which keeps every call; the test's closure plays the engine.
final class EngineServer: Sendable {
    private let port: Int
    private let listener: Int32
    private let seen = Mutex<[EngineCall]>([])

    /// What was asked so far.
    var calls: [EngineCall] { seen.withLock { $0 } }
    var baseURL: String { "http://127.0.0.1:\(port)" }

    init(_ serve: @escaping @Sendable (EngineConnection, EngineCall) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard listener >= 0 else { throw POSIXError(.EMFILE) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, address, &length) == 0
            }
        }
        guard isListening else { throw POSIXError(.EADDRINUSE) }
        port = Int(UInt16(bigEndian: address.sin_port))
        self.listener = listener
        Thread { [weak self] in
            while true {
                let accepted = accept(listener, nil, nil)
                guard accepted >= 0 else { break }
                Thread { [weak self] in
                    let connection = EngineConnection(accepted)
                    while let call = connection.read() {
                        self?.keep(call)
                        serve(connection, call)
                    }
                    connection.end()
                }.start()
            }
            close(listener)
        }.start()
    }

    // Shutting the listener down makes `accept` return, and its thread closes it.
    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    private func keep(_ call: EngineCall) { seen.withLock { $0.append(call) } }

    /// A server that answers every call alike.
    static func answering(_ body: String, status: Int = 200, headers: [String] = []) throws -> EngineServer {
        try EngineServer { connection, _ in connection.answer(body, status: status, headers: headers) }
    }
}

/// One accepted connection, seen from the engine.
final class EngineConnection {
    private let descriptor: Int32
    private var isEnded = false

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// The next request; nil when the client has closed.
    func read() -> EngineCall? {
        var bytes = Data()
        var headEnd: Int?
        while headEnd == nil {
            guard let more = readSome() else { return nil }
            bytes += more
            headEnd = bytes.range(of: Data("\r\n\r\n".utf8))?.upperBound
        }
        guard let headEnd else { return nil }
        let head = String(decoding: bytes[..<headEnd], as: UTF8.self)
        var body = Data(bytes[headEnd...])
        let length = EngineCall(head: head, body: []).header("content-length").flatMap { Int($0) } ?? 0
        while body.count < length {
            guard let more = readSome() else { return nil }
            body += more
        }
        return EngineCall(head: head, body: Array(body))
    }

    func answer(_ body: String, status: Int = 200, headers: [String] = []) {
        let lines = [
            "HTTP/1.1 \(status) Text", "Content-Type: application/json", "Content-Length: \(body.utf8.count)",
        ] + headers
        send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    func answer(bytes: [UInt8]) {
        send("HTTP/1.1 200 Text\r\nContent-Length: \(bytes.count)\r\n\r\n")
        send(bytes)
    }

    /// Begins a stream of events that ends with the connection.
    func beginStream() { send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n") }

    func event(_ data: String) { send("data: \(data)\n\n") }

    func send(_ text: String) { send(Array(text.utf8)) }

    private func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Returns when the client has closed its end.
    func waitForClose() { while readSome() != nil {} }

    /// Ends the connection with a reset instead of in order.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        end()
    }

    func end() {
        if !isEnded { close(descriptor) }
        isEnded = true
    }

    private func readSome() -> Data? {
        guard !isEnded else { return nil }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? Data(buffer[..<count]) : nil
    }
}

/// A request as it came over the wire.
struct EngineCall: Sendable {
    struct Part: Sendable {
        let head: String
        let bytes: [UInt8]

        var name: String { String(head.split(separator: "name=\"").dropFirst().first?.prefix { $0 != "\"" } ?? "") }
        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    let head: String
    let body: [UInt8]

    var line: String { String(head.prefix { !$0.isNewline }) }
    var text: String { String(decoding: body, as: UTF8.self) }

    func header(_ name: String) -> String? {
        for line in head.split(whereSeparator: \.isNewline).dropFirst() {
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name else { continue }
            return line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return nil
    }

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
