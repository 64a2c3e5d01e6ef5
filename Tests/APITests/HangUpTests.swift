import Domain
import Foundation
import HTTPTypes
import HummingbirdTesting
import JobLife
import Queue
import TestSupport
import Testing

/// A client whose connection a test holds in its hands.
struct RawClient: Sendable {
    private let descriptor: Int32

    /// Connects and sends a request, whose answer ends with the connection.
    init(_ api: APIFixture, _ line: String, key: String, headers: [String] = [], body: String = "") throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(try #require(api.client.port)).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let descriptor = descriptor
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        let lines = ["\(line) HTTP/1.1", "Host: 127.0.0.1", "Authorization: Bearer \(key)", "Connection: close"] + headers
            + ["Content-Length: \(body.utf8.count)", "", body]
        let bytes = Array(lines.joined(separator: "\r\n").utf8)
        guard code == 0, write(descriptor, bytes, bytes.count) == bytes.count else {
            throw TestFailure("no connection: \(String(cString: strerror(errno)))")
        }
    }

    func hangUp() { close(descriptor) }

    /// Sends no more, and reads what comes until the server ends it.
    func answerAfterHalfClose() async -> String {
        shutdown(descriptor, Int32(SHUT_WR))
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var (bytes, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
                while case let count = read(descriptor, &buffer, buffer.count), count > 0 { bytes += buffer.prefix(count) }
                close(descriptor)
                continuation.resume(returning: String(decoding: bytes, as: UTF8.self))
            }
        }
    }
}

extension APIFixture {
    /// Returns when so many requests wait for tasks.
    func waiting(_ count: Int) async throws {
        // Each look takes a query's time, so that this does not take a core from those who are looked at.
        while watch.waiterCount != count { _ = try await database.number("select 1") }
    }
}

/// Whoever hangs up is waited for no longer, over real connections.
@Suite(.timeLimit(.minutes(5))) struct HangUpTests {
    @Test func aLongPollEndsWithItsClient() async throws {
        try await withAPI(overSockets: true) { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            // It came first, so it would be the first to end if only the time ended them.
            async let staying = api.send(.get, "/v1/tasks/\(id)?wait=60", key: tenant.keyText)
            try await api.waiting(1)
            let leaving = try RawClient(api, "GET /v1/tasks/\(id)?wait=60", key: tenant.keyText)
            try await api.waiting(2)
            leaving.hangUp()
            try await api.waiting(1)
            let half = try RawClient(api, "GET /v1/tasks/\(id)?wait=60", key: tenant.keyText)
            try await api.waiting(2)
            let answer = await half.answerAfterHalfClose()
            #expect(answer.hasPrefix("HTTP/1.1 200") && answer.contains(#""status":"pending""#), "\(answer)")
            try await api.finish { _ in .completed(images: []) }
            #expect(try await staying.json()["status"] as? String == "completed")
        }
    }

    @Test(arguments: ["", #","stream":true"#]) func aWaitForAPictureEndsWithItsClientAndTheTaskGoesOn(members: String) async throws {
        try await withAPI(imageWaitSeconds: 3600, overSockets: true) { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            async let staying = api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText, headers: ["Accept": "text/event-stream"])
            try await api.waiting(1)
            let leaving = try RawClient(
                api, "POST \(OpenAI.generations)", key: tenant.keyText, body: OpenAI.body(members))
            try await api.waiting(2)
            leaving.hangUp()
            try await api.waiting(1)
            #expect(try await api.database.number("select count(*) from tasks where state = 'pending'") == 2)
            try await api.finish { _ in .completed(images: []) }
            let text = try await staying.text
            #expect(text.contains("event: completed\n") && !text.contains("\n: "), "before the first comment was due: \(text)")
            try await api.finish { _ in .completed(images: []) }
            #expect(try await tenant.credits(api.database) == [948_000, 0, 52_000])
        }
    }

    @Test func aStreamOfEventsEndsWithItsClient() async throws {
        try await withAPI(overSockets: true) { api in
            let tenant = try await Tenant.make(api.database)
            let id = try await api.submitted(tenant.keyText)
            async let staying = api.send(.get, "/v1/tasks/\(id)", key: tenant.keyText, headers: ["Accept": "text/event-stream"])
            try await api.waiting(1)
            let leaving = try RawClient(
                api, "GET /v1/tasks/\(id)", key: tenant.keyText, headers: ["Accept: text/event-stream"])
            try await api.waiting(2)
            leaving.hangUp()
            try await api.waiting(1)
            try await api.finish { _ in .completed(images: []) }
            let text = try await staying.text
            #expect(text.contains("event: completed\n") && !text.contains("\n: "), "before the first comment was due: \(text)")
        }
    }
}
