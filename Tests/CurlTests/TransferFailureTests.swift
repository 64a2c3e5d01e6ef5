import Curl
import Synchronization
import TestSupport
import Testing

/// What goes wrong, and whether the caller learns if the request may have been seen.
@Suite(.timeLimit(.minutes(5))) struct TransferFailureTests {
    @Test func aLargeResponseFails() async throws {
        let server = try LocalServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n\r\n")
            // Endless, as far as the client knows; sending stops when the client closes.
            for _ in 0..<4096 { connection.send([UInt8](repeating: 65, count: 65536)) }
        }
        try await withTransfers { transfers in
            await #expect(throws: CurlError.tooLarge(bytesMax: 1000)) {
                try await transfers.perform(
                    TransferRequest(url: server.url(), responseBytesMax: 1000, egress: nil))
            }
        }
    }

    @Test(arguments: [(9, true), (10, false), (11, false)])
    func aLargeResponseIsCutWhenAsked(limit: Int, isTruncated: Bool) async throws {
        let server = try LocalServer { connection in
            _ = connection.readRequest()
            connection.respond(body: "0123456789")
        }
        try await withTransfers { transfers in
            let response = try await transfers.perform(
                TransferRequest(url: server.url(), responseBytesMax: limit, overflow: .truncate, egress: nil))
            #expect(response.status == 200)
            #expect(response.body == Array("0123456789".utf8.prefix(limit)))
            #expect(response.isTruncated == isTruncated)
        }
    }

    @Test func endlessHeadersFail() async throws {
        let server = try LocalServer { connection in
            _ = connection.readRequest()
            connection.respond(headers: (0..<200).map { "X-\($0): y" })
        }
        try await withTransfers { transfers in
            let error = await #expect(throws: CurlError.self) {
                try await transfers.perform(TransferRequest(url: server.url(), egress: nil))
            }
            #expect(error?.label == "too_large")
        }
    }

    @Test func aSilentServerTimesOutWithTheRequestPossiblySent() async throws {
        let server = try LocalServer { $0.waitForClose() }
        try await withTransfers { transfers in
            await #expect(throws: CurlError.timedOut(isRequestPossiblySent: true)) {
                try await transfers.perform(TransferRequest(url: server.url(), timeoutSeconds: 0.3, egress: nil))
            }
        }
    }

    @Test func aHandshakeThatHangsTimesOutWithNothingSent() async throws {
        let server = try LocalServer { $0.waitForClose() }
        try await withTransfers { transfers in
            await #expect(throws: CurlError.timedOut(isRequestPossiblySent: false)) {
                try await transfers.perform(
                    TransferRequest(
                        url: "https://127.0.0.1:\(server.port)/", connectTimeoutSeconds: 0.3, egress: nil))
            }
        }
    }

    @Test func aResetAfterTheRequestIsPossiblySent() async throws {
        let server = try LocalServer { connection in
            _ = connection.readRequest()
            connection.reset()
        }
        try await withTransfers { transfers in
            let error = await #expect(throws: CurlError.self) {
                try await transfers.perform(TransferRequest(method: "POST", url: server.url(), egress: nil))
            }
            #expect(error?.label == "other")
            #expect(error?.isRequestPossiblySent == true)
            #expect(server.connectionCount == 1)
        }
    }

    @Test func aPostIsNotRepeatedWhenAKeptConnectionDies() async throws {
        let posts = Mutex(0)
        let server = try LocalServer { connection in
            // A GET is answered and its connection kept; every POST is taken and then lost.
            while let request = connection.readRequest() {
                if request.requestLine.hasPrefix("GET") { connection.respond(); continue }
                posts.withLock { $0 += 1 }
                return connection.reset()
            }
        }
        try await withTransfers { transfers in
            _ = try await transfers.perform(TransferRequest(url: server.url(), egress: nil))
            let error = await #expect(throws: CurlError.self) {
                try await transfers.perform(TransferRequest(method: "POST", url: server.url(), egress: nil))
            }
            #expect(error?.isRequestPossiblySent == true)
        }
        #expect(posts.withLock { $0 } == 1)
    }

    @Test func aPortWhereNobodyListensCannotBeConnected() async throws {
        // Port 1 (tcpmux) is below the range that the system hands out, and nothing serves it.
        try await withTransfers { transfers in
            let error = await #expect(throws: CurlError.self) {
                try await transfers.perform(TransferRequest(url: "http://127.0.0.1:1/", egress: nil))
            }
            #expect(error?.label == "could_not_connect")
            #expect(error?.isRequestPossiblySent == false)
        }
    }

    @Test func aNameThatDoesNotExistCannotBeConnected() async throws {
        try await withTransfers { transfers in
            let error = await #expect(throws: CurlError.self) {
                // RFC 6761 reserves this top-level name: no resolver may answer it.
                try await transfers.perform(TransferRequest(url: "http://nothing.invalid/", egress: nil))
            }
            #expect(error?.isRequestPossiblySent == false)
            #expect(["could_not_connect", "timed_out"].contains(error?.label))
        }
    }
}
