import Curl
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct TransferTests {
    @Test func aGetReturnsStatusHeadersAndBody() async throws {
        let server = try LocalServer { connection in
            let request = connection.readRequest()
            connection.send("HTTP/1.1 103 Early Hints\r\nLink: early\r\n\r\n")
            connection.respond(
                201, headers: ["X-One: 1 ", "Retry-After:7", "X-None:"], body: request?.requestLine ?? "none")
        }
        try await withTransfers { transfers in
            let response = try await transfers.perform(TransferRequest(url: server.url("/a?b=c"), egress: nil))
            #expect(response.status == 201)
            #expect(String(decoding: response.body, as: UTF8.self) == "GET /a?b=c HTTP/1.1")
            #expect(response.header("x-one") == "1")
            #expect(response.header("retry-after") == "7")
            #expect(response.header("x-none") == "")
            #expect(response.header("link") == nil)
            #expect(!response.isTruncated)
        }
    }

    @Test func aPostSendsMethodHeadersAndEveryByte() async throws {
        let received = Announcements<ReceivedRequest>()
        let server = try LocalServer { connection in
            guard let request = connection.readRequest() else { return }
            received.send(request)
            connection.respond()
        }
        // Over a megabyte, where libcurl would by itself ask for "100 Continue" and wait.
        let body = (0..<1_200_000).map { UInt8(truncatingIfNeeded: $0) }
        try await withTransfers { transfers in
            _ = try await transfers.perform(
                TransferRequest(
                    method: "POST", url: server.url(),
                    headers: [("content-type", "application/json"), ("x-empty", "")], body: body, egress: nil))
        }
        let request = try #require(await received.next())
        #expect(request.requestLine == "POST / HTTP/1.1")
        #expect(request.body == body)
        #expect(request.header("content-type") == "application/json")
        #expect(request.header("x-empty") == "")
        #expect(request.header("expect") == nil)
        #expect(request.header("cookie") == nil)
    }

    @Test(arguments: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    func everyMethodArrivesAsItself(method: String) async throws {
        let received = Announcements<ReceivedRequest>()
        let server = try LocalServer { connection in
            guard let request = connection.readRequest() else { return }
            received.send(request)
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        try await withTransfers { transfers in
            let request = TransferRequest(method: method, url: server.url("/m"), egress: nil)
            let response = try await transfers.perform(request)
            #expect(response.status == 200)
        }
        let request = try #require(await received.next())
        #expect(request.requestLine == "\(method) /m HTTP/1.1")
        #expect(request.header("content-type") == nil)
    }

    @Test func aRedirectIsAResponseAndIsNotFollowed() async throws {
        let followed = Mutex(false)
        let server = try LocalServer { connection in
            while let request = connection.readRequest() {
                if request.requestLine.contains("/secret") { followed.withLock { $0 = true } }
                connection.respond(302, headers: ["Location: /secret", "Set-Cookie: a=b"])
            }
        }
        try await withTransfers { transfers in
            let response = try await transfers.perform(TransferRequest(url: server.url(), egress: nil))
            #expect(response.status == 302)
            #expect(response.header("location") == "/secret")
        }
        #expect(!followed.withLock { $0 })
    }

    @Test func aServerErrorIsAResponse() async throws {
        let server = try LocalServer { connection in
            _ = connection.readRequest()
            connection.respond(500, body: "sorry")
        }
        try await withTransfers { transfers in
            let response = try await transfers.perform(TransferRequest(url: server.url(), egress: nil))
            #expect(response.status == 500)
            #expect(response.body == Array("sorry".utf8))
        }
    }

    @Test func repeatableRequestsShareAConnectionAndPostsDoNot() async throws {
        let server = try LocalServer { connection in
            while connection.readRequest() != nil { connection.respond() }
        }
        try await withTransfers { transfers in
            for _ in 0..<3 { _ = try await transfers.perform(TransferRequest(url: server.url(), egress: nil)) }
            #expect(server.connectionCount == 1)
            for _ in 0..<2 {
                _ = try await transfers.perform(TransferRequest(method: "POST", url: server.url(), egress: nil))
            }
            #expect(server.connectionCount == 3)
        }
    }

    @Test(arguments: [
        TransferRequest(method: "TRACE", url: "http://127.0.0.1/", egress: nil),
        TransferRequest(url: "http://127.0.0.1/ x", egress: nil),
        TransferRequest(url: "http://127.0.0.1/\u{0}x", egress: nil),
        TransferRequest(url: "file:///etc/hostname", egress: nil),
        TransferRequest(url: "ftp://127.0.0.1/", egress: nil),
        TransferRequest(url: "http://user:word@127.0.0.1/", egress: nil),
        TransferRequest(url: "http://127.0.0.1/", headers: [("a", "b\r\nc: d")], egress: nil),
        TransferRequest(url: "http://127.0.0.1/", headers: [("a: b\r\nc", "d")], egress: nil),
        TransferRequest(url: "http://127.0.0.1/", timeoutSeconds: 0, egress: nil),
        TransferRequest(url: "http://127.0.0.1/", timeoutSeconds: .nan, egress: nil),
        TransferRequest(url: "http://127.0.0.1/", responseBytesMax: -1, egress: nil),
    ])
    func malformedRequestsAreRefusedUnsent(request: TransferRequest) async throws {
        try await withTransfers { transfers in
            let error = await #expect(throws: CurlError.self) { try await transfers.perform(request) }
            #expect(error?.label == "bad_request")
            #expect(error?.isRequestPossiblySent == false)
        }
    }
}
