import Curl
import Synchronization
import TestSupport
import Testing

/// The rule is asked about the address that is really connected to, every time.
@Suite(.timeLimit(.minutes(5))) struct EgressTests {
    @Test func aRefusedAddressIsNeverConnected() async throws {
        let server = try LocalServer { connection in
            _ = connection.readRequest()
            connection.respond()
        }
        let judged = Mutex<[String]>([])
        try await withTransfers { transfers in
            let error = await #expect(throws: CurlError.self) {
                try await transfers.perform(
                    TransferRequest(url: server.url()) { address, port in
                        judged.withLock { $0.append("\(address) \(port)") }
                        return false
                    })
            }
            #expect(error == .refusedAddress(detail: "127.0.0.1 port \(server.port) is not permitted"))
        }
        #expect(judged.withLock { $0 } == ["127.0.0.1 \(server.port)"])
        #expect(server.connectionCount == 0)
    }

    @Test(arguments: ["2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost", "%6cocalhost"])
    func otherSpellingsOfAHostAreJudgedByTheirAddress(host: String) async throws {
        let server = try LocalServer { connection in
            _ = connection.readRequest()
            connection.respond()
        }
        let local: Set = ["127.0.0.1", "::1", "::ffff:127.0.0.1"]
        let judged = Mutex<Set<String>>([])
        try await withTransfers { transfers in
            let error = await #expect(throws: CurlError.self) {
                try await transfers.perform(
                    TransferRequest(url: "http://\(host):\(server.port)/") { address, _ in
                        judged.withLock { _ = $0.insert(address) }
                        return !local.contains(address)
                    })
            }
            #expect(error?.label == "refused_address")
        }
        #expect(!judged.withLock { $0.isEmpty })
        #expect(server.connectionCount == 0)
    }

    @Test func aPermittedAddressIsConnected() async throws {
        let server = try LocalServer { connection in
            _ = connection.readRequest()
            connection.respond()
        }
        let port = server.port
        try await withTransfers { transfers in
            let request = TransferRequest(url: server.url()) { $0 == "127.0.0.1" && $1 == port }
            let response = try await transfers.perform(request)
            #expect(response.status == 200)
        }
    }

    @Test func aConnectionKeptByTheOperatorIsNotLentToACustomer() async throws {
        let server = try LocalServer { connection in
            while connection.readRequest() != nil { connection.respond() }
        }
        try await withTransfers { transfers in
            _ = try await transfers.perform(TransferRequest(url: server.url(), egress: nil))
            let error = await #expect(throws: CurlError.self) {
                try await transfers.perform(TransferRequest(url: server.url()) { _, _ in false })
            }
            #expect(error?.label == "refused_address")
            #expect(server.connectionCount == 1)
        }
    }

    @Test func aCustomersConnectionIsNotKept() async throws {
        let closed = Announcements<Void>()
        let server = try LocalServer { connection in
            _ = connection.readRequest()
            connection.respond()
            connection.waitForClose()
            closed.send(())
        }
        try await withTransfers { transfers in
            _ = try await transfers.perform(TransferRequest(url: server.url()) { _, _ in true })
            // Without the close the test would hang here, and its time limit would fail it.
            #expect(await closed.next() != nil)
        }
    }

    @Test func theRuleIsAskedAgainBeforeTheRequestIsSent() async throws {
        let received = Mutex(false)
        let server = try LocalServer { connection in
            if connection.readRequest() != nil { received.withLock { $0 = true } }
        }
        let questions = Mutex(0)
        try await withTransfers { transfers in
            let error = await #expect(throws: CurlError.self) {
                try await transfers.perform(
                    TransferRequest(url: server.url()) { _, _ in
                        questions.withLock { count in
                            count += 1
                            return count == 1
                        }
                    })
            }
            #expect(error?.label == "refused_address")
        }
        #expect(!received.withLock { $0 })
    }
}
