import Hummingbird
import Logging
import NIOCore
import Synchronization

/// Where the server is, once it is known: a free port is chosen by the system when the server starts.
final class ServerAddress: Sendable {
    private let text = Mutex("")
    private let (ports, announcer) = AsyncStream.makeStream(of: Int.self)

    /// `http://127.0.0.1:8081`; empty before the server runs.
    var url: String { text.withLock { $0 } }

    /// Serves until the task is cancelled.
    func run(_ responder: Responder, port: Int) -> Task<Void, any Error> {
        let application = Application(
            responder: responder,
            configuration: .init(address: .hostname("127.0.0.1", port: port), serverName: "simulator", backlog: 1024),
            onServerRunning: { [self] channel in
                let port = channel.localAddress?.port ?? port
                text.withLock { $0 = "http://127.0.0.1:\(port)" }
                announcer.yield(port)
            },
            logger: Logger(label: "simulator") { _ in SwiftLogNoOpLogHandler() })
        return Task { [announcer] in
            defer { announcer.finish() }
            try await application.run()
        }
    }

    /// Waits for the address; nil when the server has ended without one.
    func known() async -> String? {
        var iterator = ports.makeAsyncIterator()
        return await iterator.next().map { _ in url }
    }
}
