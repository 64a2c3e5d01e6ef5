import Curl
import Foundation
import TestSupport
import Testing

/// A running `zserve`.
struct Node: Sendable {
    let site: Site
    let port: Int
    let child: Child
    let log: String

    static let body = #"{"model":"z-image-turbo","prompt":"a cat","size":"376x376"}"#

    /// Starts one and waits until it is ready.
    /// - Parameter mayDie: one that was killed before it was ready is an answer too.
    static func start(
        _ site: Site, roles: String = "api,worker", settings: [String: String] = [:], mayDie: Bool = false
    ) async throws -> Node {
        // Another program may take the free port before zserve does.
        for _ in 0..<5 {
            let port = try freePort()
            let all = settings.merging(["ZIMAGE_PORT": "\(port)", "ZIMAGE_LOG_LEVEL": "warning"]) { given, _ in given }
            let (child, log) = try site.launch("zserve", ["--roles", roles], settings: all)
            let node = Node(site: site, port: port, child: child, log: log)
            try await eventually("zserve is ready") {
                if !child.isRunning { return true }
                return (try? await node.send("GET", "/readyz").status) == 200
            }
            if child.isRunning { return node }
            if mayDie, await child.ending() == .killed(bySignal: SIGKILL) { return node }
            let said = (try? String(contentsOfFile: "\(log).err", encoding: .utf8)) ?? ""
            guard said.contains("ddress already in use") else { throw TestFailure("zserve did not start: \(said)") }
        }
        throw TestFailure("no free port")
    }

    /// A port on which nobody listens now.
    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard code == 0 else { throw TestFailure("no free port: \(String(cString: strerror(errno)))") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Sends a request to this node.
    func send(
        _ method: String, _ path: String, key: String? = nil, body: [UInt8]? = nil, headers: [(String, String)] = []
    ) async throws(CurlError) -> TransferResponse {
        var all: [(name: String, value: String)] = headers.map { (name: $0.0, value: $0.1) }
        if let key { all.append((name: "authorization", value: "Bearer \(key)")) }
        if body != nil { all.append((name: "content-type", value: "application/json")) }
        return try await site.transfers.perform(
            TransferRequest(
                method: method, url: "http://127.0.0.1:\(port)\(path)", headers: all, body: body, egress: nil))
    }

    /// Submits a small picture.
    func submit(
        _ key: String, body: String = Node.body, idempotencyKey: String? = nil
    ) async throws(CurlError) -> TransferResponse {
        try await send(
            "POST", "/v1/images/generations", key: key, body: Array(body.utf8),
            headers: idempotencyKey.map { [("idempotency-key", $0)] } ?? [])
    }

    /// A task as its owner sees it.
    func task(_ id: String, _ key: String) async throws -> [String: Any] {
        let reply = try await send("GET", "/v1/tasks/\(id)", key: key)
        #expect(reply.status == 200)
        return try reply.object()
    }

    /// Kills it with no chance to tidy up.
    func kill() async {
        child.send(SIGKILL)
        #expect(await child.ending() == .killed(bySignal: SIGKILL))
    }

    /// Asks it to stop and waits.
    func stop() async -> Child.Ending {
        child.send(SIGTERM)
        return await child.ending()
    }
}

extension TransferResponse {
    var text: String { String(decoding: body, as: UTF8.self) }

    func object() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any], "\(text)")
    }

    func taskID() throws -> String { try #require(try object()["id"] as? String) }
}
