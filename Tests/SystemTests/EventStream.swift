import Foundation
import Synchronization
import TestSupport

/// An answer that is read while it comes, byte by byte as the server sent it.
final class EventStream: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let descriptor: Int32

    /// What has come so far.
    var text: String { state.withLock { String(decoding: $0.bytes, as: UTF8.self) } }
    /// Whether the server has ended it.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Asks a node for the events of a task and reads them on a thread of its own.
    init(_ node: Node, task: String, key: String) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(node.port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let descriptor = descriptor
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        let request = "GET /v1/tasks/\(task) HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
            + "Authorization: Bearer \(key)\r\nConnection: close\r\n\r\n"
        let sent = request.utf8CString.withUnsafeBytes { write(descriptor, $0.baseAddress, request.utf8.count) }
        guard code == 0, sent == request.utf8.count else { throw TestFailure("no connection: \(String(cString: strerror(errno)))") }
        Thread.detachNewThread { self.readAll() }
    }

    private func readAll() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            state.withLock { $0.bytes += buffer.prefix(count) }
        }
        state.withLock { $0.isClosed = true }
        close(descriptor)
    }
}
