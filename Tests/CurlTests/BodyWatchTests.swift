import Curl
import Dispatch
import Synchronization
import TestSupport
import Testing

/// Bodies that are looked at while they arrive.
@Suite(.timeLimit(.minutes(5))) struct BodyWatchTests {
    @Test func aBodyIsToldWhileItArrives() async throws {
        let told = Announcements<[UInt8]>()
        let mayEnd = DispatchSemaphore(value: 0)
        let server = try LocalServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
            // The rest comes only when the first part has been told.
            mayEnd.wait()
            connection.send("def")
        }
        try await withTransfers { transfers in
            let request = TransferRequest(url: server.url(), egress: nil, onBody: { told.send($0) })
            async let response = transfers.perform(request)
            #expect(await told.next() == Array("abc".utf8))
            mayEnd.signal()
            #expect(await told.next() == Array("def".utf8))
            let body = try await response.body
            #expect(body == Array("abcdef".utf8))
        }
    }

    @Test func noMoreIsToldThanIsKept() async throws {
        let server = try LocalServer { connection in
            _ = connection.readRequest()
            connection.respond(body: String(repeating: "a", count: 100_000))
        }
        let told = Mutex(0)
        try await withTransfers { transfers in
            let request = TransferRequest(
                url: server.url(), responseBytesMax: 20_000, egress: nil, onBody: { part in told.withLock { $0 += part.count } })
            await #expect(throws: CurlError.tooLarge(bytesMax: 20_000)) { try await transfers.perform(request) }
        }
        #expect(told.withLock { $0 } == 20_000)
    }
}
