import Foundation

/// A customer's https server in a process of its own: it answers by path and tells each request on its
/// standard output. Its certificate signs itself and is valid for 127.0.0.1.
///
/// It takes callbacks by POST and serves files by GET. A GET whose body was cut off by the client is told a second time,
/// with the method `CUT`.
public final class TLSCustomer: Sendable {
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
    public let port: Int
    /// The authority to trust.
    public let caFile: String
    private let folder: URL
    private let process: Child
    private let lines: AsyncStream<String>

    /// Starts it.
    public init() async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "customer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        caFile = folder.appending(path: "cert.pem").path
        let key = folder.appending(path: "key.pem").path
        let maker = try Child(
            "openssl",
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
                + ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", caFile])
        guard await maker.ending() == .exited(0) else { throw TestFailure("openssl made no certificate") }
        (process, lines) = try Child.withLines("python3", ["-c", Self.script, caFile, key, folder.path])
        port = try await Self.next(Int.self, in: lines)
    }

    deinit {
        process.send(SIGKILL)
        try? FileManager.default.removeItem(at: folder)
    }

    /// The address of a path, whose first part is the status of the answer: `/204`. The first answer to a path with
    /// `fails-once` in it is 503.
    public func url(_ path: String) -> String { "https://127.0.0.1:\(port)\(path)" }

    /// Serves a file and answers its address. The first answers to a name with `fails-once` or `fails-always` in it are 503.
    public func serve(_ bytes: [UInt8], as name: String) throws -> String {
        // Whole at once, because it may be served while it is written again.
        try Data(bytes).write(to: folder.appending(path: name), options: .atomic)
        return url("/files/\(name)")
    }

    /// The next request that the customer saw; waits for it.
    public func nextSeen() async throws -> Seen { try await Self.next(Seen.self, in: lines) }

    private static func next<Value: Decodable>(_ type: Value.Type, in lines: AsyncStream<String>) async throws -> Value {
        var iterator = lines.makeAsyncIterator()
        // Nil when the process has ended, or when the test's time limit has cancelled it.
        guard let line = await iterator.next() else { throw POSIXError(.EPIPE) }
        return try JSONDecoder().decode(type, from: Data(line.utf8))
    }

    private static let script = """
        import http.server, json, ssl, sys
        failed = set()
        class Customer(http.server.BaseHTTPRequestHandler):
            def tell(self, method, body):
                headers = {name.lower(): value for name, value in self.headers.items()}
                print(json.dumps(dict(method=method, path=self.path, headers=headers, body=body)), flush=True)
            def do_GET(self):
                self.tell("GET", "")
                if self.path == "/drop":
                    self.close_connection = True
                    return
                fails = "fails-always" in self.path or ("fails-once" in self.path and self.path not in failed)
                failed.add(self.path)
                parts = self.path.split("?")[0].split("/")
                status = 503 if fails else int(parts[1]) if parts[1].isdigit() else 200
                content = b""
                if parts[1] == "files":
                    with open(sys.argv[3] + "/" + parts[2], "rb") as file:
                        content = file.read()
                self.send_response(status)
                if self.path.endswith("/redirect"):
                    self.send_header("location", "/files/picture.png")
                self.end_headers()
                sent = 0
                try:
                    self.wfile.write(content)
                    while self.path.endswith("/endless"):
                        sent += self.wfile.write(b"x" * 65536)
                    if self.path.endswith("/silent"):
                        self.rfile.read(1)
                        self.tell("CUT", "0")
                except OSError:
                    self.tell("CUT", str(sent))
            def do_POST(self):
                self.tell("POST", self.rfile.read(int(self.headers["content-length"])).decode())
                if self.path == "/drop":
                    self.close_connection = True
                    return
                fails = "/fails-once" in self.path and self.path not in failed
                failed.add(self.path)
                self.send_response(503 if fails else int(self.path.split("/")[1]))
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
