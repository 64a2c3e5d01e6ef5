public import Curl
import Foundation
import Glibc
import Synchronization

/// A plain HTTP server on 127.0.0.1 with one thread a connection; the test's closure plays the server's part.
public final class LocalServer: Sendable {
    /// Where it listens.
    public let port: Int
    private let listener: Int32
    private let connections = Mutex(0)

    /// How many connections were accepted so far.
    public var connectionCount: Int { connections.withLock { $0 } }

    /// Starts it; each connection is closed when the closure returns.
    public init(_ serve: @escaping @Sendable (LocalConnection) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard listener >= 0 else { throw POSIXError(.EMFILE) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        guard isListening else { throw POSIXError(.EADDRINUSE) }
        port = Int(UInt16(bigEndian: address.sin_port))
        self.listener = listener
        Thread { [weak self] in
            while true {
                let accepted = accept(listener, nil, nil)
                guard accepted >= 0 else { break }
                self?.connections.withLock { $0 += 1 }
                Thread {
                    let connection = LocalConnection(accepted)
                    serve(connection)
                    connection.end()
                }.start()
            }
            close(listener)
        }.start()
    }

    // Shutting the listener down makes `accept` return, and its thread closes it.
    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    /// The address of a path.
    public func url(_ path: String = "/") -> String { "http://127.0.0.1:\(port)\(path)" }
}

/// One accepted connection, seen from the server.
public final class LocalConnection {
    private let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Reads one request; nil when the client has closed.
    public func readRequest() -> ReceivedRequest? {
        var bytes: [UInt8] = []
        let end = Array("\r\n\r\n".utf8)
        var bodyStart: Int?
        while bodyStart == nil {
            guard let more = readSome() else { return nil }
            bytes += more
            bodyStart = bytes.indices.first { bytes[$0...].starts(with: end) }.map { $0 + 4 }
        }
        guard let bodyStart else { return nil }
        let head = String(decoding: bytes[..<bodyStart], as: UTF8.self)
        var body = Array(bytes[bodyStart...])
        let length = ReceivedRequest(head: head, body: []).header("content-length").flatMap { Int($0) } ?? 0
        while body.count < length {
            guard let more = readSome() else { return nil }
            body += more
        }
        return ReceivedRequest(head: head, body: body)
    }

    /// Sends bytes as they are; ends early when the client has closed.
    public func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends bytes as they are; ends early when the client has closed.
    public func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Sends a whole response.
    public func respond(_ status: Int = 200, headers: [String] = [], body: String = "") {
        respond(status, headers: headers, bytes: Array(body.utf8))
    }

    /// The same with a body of any bytes.
    public func respond(_ status: Int = 200, headers: [String] = [], bytes: [UInt8]) {
        let lines = ["HTTP/1.1 \(status) Text", "Content-Length: \(bytes.count)"] + headers
        send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + bytes)
    }

    /// Returns when the client has closed its end.
    public func waitForClose() { while readSome() != nil {} }

    /// Makes the close that follows a reset instead of an orderly end.
    public func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    func end() { close(descriptor) }

    private func readSome() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer[..<count]) : nil
    }
}

/// A request as it came over the wire.
public struct ReceivedRequest: Sendable {
    /// The request line and the headers.
    public let head: String
    /// The body.
    public let body: [UInt8]

    /// Method, path and version.
    public var requestLine: String { String(head.prefix { !$0.isNewline }) }

    /// The first header of that name (lower case), or nil.
    public func header(_ name: String) -> String? {
        for line in head.split(whereSeparator: \.isNewline).dropFirst() {
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name else { continue }
            return line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return nil
    }
}

/// Something that one side announces and the other awaits; keeps what nobody has awaited yet.
public final class Announcements<Value: Sendable>: Sendable {
    private let stream: AsyncStream<Value>
    private let continuation: AsyncStream<Value>.Continuation

    /// Nothing is announced yet.
    public init() { (stream, continuation) = AsyncStream.makeStream() }

    /// Announces.
    public func send(_ value: Value) { continuation.yield(value) }

    /// The next one; waits for it.
    public func next() async -> Value? {
        var iterator = stream.makeAsyncIterator()
        return await iterator.next()
    }
}

/// Transfers in a process whose environment names a proxy that does not exist: were proxies used, every test
/// here would fail.
public func withTransfers(
    inFlightMax: Int = 64, waitingMax: Int = 64, _ body: (Transfers) async throws -> Void
) async throws {
    _ = Environment.hasDeadProxy
    let transfers = Transfers(inFlightMax: inFlightMax, waitingMax: waitingMax)
    do { try await body(transfers) } catch {
        await transfers.shutdown()
        throw error
    }
    await transfers.shutdown()
}

private enum Environment {
    static let hasDeadProxy: Bool = {
        for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            setenv(name, "http://127.0.0.1:1", 1)
        }
        return true
    }()
}
