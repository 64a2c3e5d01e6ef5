import Foundation

/// A checker of texts and pictures in a process of its own, which says what the path says and tells each request on its
/// standard output:
///
/// - `/scores/sexual=0.95,violence=0.2` gives these scores; `/text/...` to texts only and `/picture/...` to pictures only.
/// - `/chat/Safety: Unsafe` answers so as a chat.
/// - `/status/503`, `/garbage` (200, but no JSON), `/empty` (no results), `/nothing` (closes without an answer) and
///   `/hang` (never answers).
/// - `/fails/3/scores/...` fails three times before it answers.
public final class FakeModerator: Sendable {
    /// One request as the checker saw it.
    public struct Seen: Decodable, Sendable {
        /// Its path.
        public let path: String
        /// Its headers, names in lower case.
        public let headers: [String: String]
        /// Its body.
        public let body: String
    }

    /// Where it listens, on 127.0.0.1.
    public let port: Int
    private let process: Child
    private let lines: AsyncStream<String>

    /// Starts it.
    public init() async throws {
        (process, lines) = try Child.withLines("python3", ["-c", Self.script])
        var iterator = lines.makeAsyncIterator()
        guard let line = await iterator.next(), let port = Int(line) else { throw TestFailure("no fake moderator") }
        self.port = port
    }

    deinit { process.send(SIGKILL) }

    /// The address of a path.
    public func url(_ path: String) -> String {
        let encoded = path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path
        return "http://127.0.0.1:\(port)\(encoded)"
    }

    /// The next request that it saw; waits for it.
    public func nextSeen() async throws -> Seen {
        var iterator = lines.makeAsyncIterator()
        guard let line = await iterator.next() else { throw TestFailure("the fake moderator has ended") }
        return try JSONDecoder().decode(Seen.self, from: Data(line.utf8))
    }

    private static let script = """
        import collections, http.server, json, time, urllib.parse
        seen = collections.Counter()
        class Checker(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                path = urllib.parse.unquote(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                print(json.dumps({"path": path, "headers": headers, "body": body}), flush=True)
                seen[path] += 1
                word, rest = (path[1:].split("/", 1) + [""])[:2]
                if word == "fails":
                    times, rest = rest.split("/", 1)
                    if seen[path] <= int(times): return self.answer(503, "")
                    word, rest = rest.split("/", 1)
                if word == "hang": return time.sleep(3600)
                if word == "nothing": return
                if word == "status": return self.answer(int(rest), "{}")
                if word == "garbage": return self.answer(200, "<html>")
                if word == "empty": return self.answer(200, '{"results": []}')
                if word == "chat":
                    return self.answer(200, json.dumps({"choices": [{"message": {"role": "assistant", "content": rest}}]}))
                is_text = isinstance(json.loads(body)["input"], str)
                applies = word == "scores" or is_text == (word == "text")
                pairs = [entry.split("=") for entry in rest.split(",") if applies and entry]
                scores = {name: float(score) for name, score in pairs}
                flags = {name: score >= 0.5 for name, score in scores.items()}
                result = {"flagged": any(flags.values()), "categories": flags, "category_scores": scores}
                self.answer(200, json.dumps({"id": "modr-1", "model": "fake", "results": [result]}))
            def answer(self, status, text):
                self.send_response(status)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())
            def log_message(self, *ignored):
                pass
        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *ignored):
                pass
        server = Server(("127.0.0.1", 0), Checker)
        print(server.server_port, flush=True)
        server.serve_forever()
        """
}
