import Curl
import Foundation
import TestSupport
import Testing

/// The engine of `ops/engine` with tiny weights, as a process of its own.
struct EngineProcess: Sendable {
    let port: Int
    let child: Child
    private let site: Site
    private let log: String

    /// Starts it; it loads for some seconds.
    init(_ site: Site) throws {
        self.site = site
        port = try Node.freePort()
        log = "\(site.folder)/engine-\(port)"
        child = try Self.run(["--tiny", "--device", "cpu", "--port", "\(port)"], site, log)
    }

    private static func run(_ arguments: [String], _ site: Site, _ log: String) throws -> Child {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return try Child(
            "\(RepositoryPaths.root)/ops/engine/run", arguments, environment: ["PATH": path, "HOME": site.folder],
            outputPath: "\(log).out", errorPath: "\(log).err")
    }

    /// Installs its Python packages where they are not there yet: before it has a port, which would be somebody else's by the
    /// time that it listens.
    static func install(_ site: Site) async throws {
        let ending = try await run(["--help"], site, "\(site.folder)/engine-install").ending()
        #expect(ending == .exited(0))
    }

    /// Waits until it draws.
    func ready() async throws {
        try await eventually("the engine is ready") {
            guard child.isRunning else {
                throw TestFailure("the engine ended: \((try? String(contentsOfFile: "\(log).err", encoding: .utf8)) ?? "")")
            }
            return (try? await get("/health").status) == 200
        }
    }

    /// A number of its `/metrics`; 0 for what it has not counted yet.
    func metric(_ name: String) async throws -> Int {
        let line = try await get("/metrics").text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
        return line.flatMap { Double($0.dropFirst(name.count + 1)) }.map { Int($0) } ?? 0
    }

    /// How often its network ran.
    func forwards() async throws -> Int { try await metric("engine_forwards_total") }

    /// Connections of which it has not been told that the other end closed them. The kernel knows, also while the engine is
    /// stopped and does not look.
    func openConnections() throws -> Int {
        let end = String(format: "0100007F:%04X", port)
        // Of a file whose size the kernel does not tell, `String(contentsOfFile:)` reads only the beginning.
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/net/tcp")).readToEnd() ?? Data()
        return String(decoding: file, as: UTF8.self).split(separator: "\n").count { line in
            let words = line.split(separator: " ")
            return words.count > 3 && words[1] == end && words[3] == "01"
        }
    }

    private func get(_ path: String) async throws -> TransferResponse {
        try await site.transfers.perform(
            TransferRequest(
                method: "GET", url: "http://127.0.0.1:\(port)\(path)", headers: [(name: "connection", value: "close")], egress: nil))
    }

    /// Ends it with no chance to tidy up.
    func kill() { child.send(SIGKILL) }
}
