import Foundation
import Glibc

/// A customer's https server in a process of its own: it answers by path and tells each request on its
/// standard output. Its certificate signs itself and is valid for 127.0.0.1.
public final class TLSCustomer {
    /// One request as the customer saw it.
    public struct Seen: Decodable, Sendable {
        /// Its method.
        public let method: String
        /// Its path.
        public let path: String
        /// Its headers, names in lower case.
        public let headers: [String: String]
        /// Its body.
        public let body: String
    }

    /// Where it listens.
    public private(set) var port = 0
    /// The authority to trust.
    public let caFile: String
    private let folder: URL
    private let process = Process()
    private let lines: AsyncStream<String>

    /// Starts it.
    public init() async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "customer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        caFile = folder.appending(path: "cert.pem").path
        let key = folder.appending(path: "key.pem").path
        let maker = Process()
        maker.executableURL = URL(filePath: "/usr/bin/env")
        maker.arguments =
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            + ["-days", "1", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
            + ["-keyout", key, "-out", caFile]
        maker.standardError = FileHandle.nullDevice
        try maker.run()
        maker.waitUntilExit()
        let pipe = Pipe()
        lines = Self.lines(of: pipe.fileHandleForReading)
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c", Self.script, caFile, key]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        // Whoever runs the tests waits until nobody holds their standard error any more.
        process.standardError = FileHandle.nullDevice
        try process.run()
        port = try await next(Int.self)
    }

    deinit {
        // A child inherits the blocked signals of the thread that starts it, so an ordinary terminate is lost.
        kill(process.processIdentifier, SIGKILL)
        try? FileManager.default.removeItem(at: folder)
    }

    /// The address of a path, whose first part is the status of the answer: `/204`.
    public func url(_ path: String) -> String { "https://127.0.0.1:\(port)\(path)" }

    /// The next request that the customer saw; waits for it.
    public func nextSeen() async throws -> Seen { try await next(Seen.self) }

    private func next<Value: Decodable>(_ type: Value.Type) async throws -> Value {
        var iterator = lines.makeAsyncIterator()
        // Nil when the process has ended, or when the test's time limit has cancelled it.
        guard let line = await iterator.next() else { throw POSIXError(.EPIPE) }
        return try JSONDecoder().decode(type, from: Data(line.utf8))
    }

    /// Reads on a thread of its own, because a blocking read must not hold up the other tests.
    private static func lines(of handle: FileHandle) -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        Thread {
            var text = ""
            while case let more = handle.availableData, !more.isEmpty {
                text += String(decoding: more, as: UTF8.self)
                var complete = text.split(separator: "\n", omittingEmptySubsequences: false)
                text = String(complete.removeLast())
                for line in complete { continuation.yield(String(line)) }
            }
            continuation.finish()
        }.start()
        return stream
    }

    private static let script = """
        import http.server, json, ssl, sys
        class Customer(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                print(json.dumps(dict(method=self.command, path=self.path, headers=headers, body=body)), flush=True)
                if self.path == "/drop":
                    self.close_connection = True
                    return
                self.send_response(int(self.path.split("/")[1]))
                if self.path.endswith("/redirect"):
                    self.send_header("location", "/200")
                self.end_headers()
                if self.path.endswith("/endless"):
                    while True:
                        self.wfile.write(b"x" * 65536)
            def log_message(self, *ignored):
                pass
        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *ignored):
                pass
        server = Server(("127.0.0.1", 0), Customer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        print(server.server_port, flush=True)
        server.serve_forever()
        """
}
