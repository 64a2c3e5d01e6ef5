import Callbacks
import Curl
import Domain
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct CallbackSenderTests {
    private let body = Array(#"{"type":"task.completed"}"#.utf8)

    /// A customer, a sender that may reach it, and the transfers' orderly end.
    private func withCustomer(
        isTrusted: Bool = true, _ test: (TLSCustomer, CallbackSender, EgressRule) async throws -> Void
    ) async throws {
        let customer = try await TLSCustomer()
        let rule = EgressRule(allowances: try EgressAllowance.parse("127.0.0.1/32:*"))
        let transfers = Transfers(inFlightMax: 4, waitingMax: 4)
        let sender = CallbackSender(
            transfers: transfers, egress: rule, caFile: isTrusted ? customer.caFile : nil)
        do { try await test(customer, sender, rule) } catch {
            await transfers.shutdown()
            throw error
        }
        await transfers.shutdown()
    }

    @Test func aDeliveryIsAPostWithTheBodyAndTheHeaders() async throws {
        try await withCustomer { customer, sender, rule in
            let outcome = try await sender.deliver(
                body, to: CallbackURL(customer.url("/204"), egress: rule), id: "callback-1",
                extraHeaders: [("webhook-timestamp", "1700000000"), ("webhook-signature", "v1,abc")])
            #expect(outcome == .delivered(status: 204))
            let seen = try await customer.nextSeen()
            #expect(seen.method == "POST")
            #expect(Array(seen.body.utf8) == body)
            #expect(seen.headers["content-type"] == "application/json")
            #expect(seen.headers["webhook-id"] == "callback-1")
            #expect(seen.headers["webhook-timestamp"] == "1700000000")
            #expect(seen.headers["webhook-signature"] == "v1,abc")
        }
    }

    @Test(arguments: [
        ("/200", DeliveryOutcome.delivered(status: 200)), ("/299", .delivered(status: 299)),
        ("/200/endless", .delivered(status: 200)),
        ("/302/redirect", .failed(status: 302, reason: .redirected)),
        ("/410", .failed(status: 410, reason: .gone)),
        ("/429/after/120", .failed(status: 429, reason: .refusedByServer, retryAfterSeconds: 120)),
        ("/503/after/99999", .failed(status: 503, reason: .refusedByServer, retryAfterSeconds: 3600)),
        ("/429/after/soon", .failed(status: 429, reason: .refusedByServer)),
        ("/429", .failed(status: 429, reason: .refusedByServer)),
        ("/500/after/120", .failed(status: 500, reason: .refusedByServer)),
        ("/500", .failed(status: 500, reason: .refusedByServer)),
        ("/500/endless", .failed(status: 500, reason: .refusedByServer)),
        ("/drop", .failed(status: nil, reason: .brokenConnection)),
        ("/reset", .failed(status: nil, reason: .brokenConnection)),
    ])
    func onlyTwoHundredsCount(path: String, expected: DeliveryOutcome) async throws {
        try await withCustomer { customer, sender, rule in
            let url = try CallbackURL(customer.url(path), egress: rule)
            let outcome = try await sender.deliver(body, to: url, id: "callback-2")
            #expect(outcome == expected)
            let seen = try await customer.nextSeen()
            #expect(seen.path == path)
        }
    }

    @Test func anUntrustedCertificateIsAFailure() async throws {
        try await withCustomer(isTrusted: false) { customer, sender, rule in
            let url = try CallbackURL(customer.url("/200"), egress: rule)
            let outcome = try await sender.deliver(body, to: url, id: "callback-3")
            #expect(outcome == .failed(status: nil, reason: .tls))
        }
    }

    @Test func theRuleOfTheSenderHoldsWhenTheURLWasCheckedUnderAnother() async throws {
        let rule = EgressRule(allowances: try EgressAllowance.parse("127.0.0.1/32:*"))
        let url = try CallbackURL("https://127.0.0.1:9/", egress: rule)
        let transfers = Transfers()
        let strict = CallbackSender(transfers: transfers, egress: EgressRule())
        let outcome = try await strict.deliver(body, to: url, id: "callback-4")
        #expect(outcome == .failed(status: nil, reason: .addressNotPermitted))
        let open = CallbackSender(transfers: transfers, egress: rule)
        let closedPort = try CallbackURL("https://127.0.0.1:1/", egress: rule)
        let refused = try await open.deliver(body, to: closedPort, id: "callback-4")
        #expect(refused == .failed(status: nil, reason: .couldNotConnect))
        await transfers.shutdown()
    }

    @Test func whatIsOurOwnFaultDoesNotCountAsAnAttempt() async throws {
        let rule = EgressRule(allowances: try EgressAllowance.parse("127.0.0.1/32:*"))
        let url = try CallbackURL("https://127.0.0.1:1/", egress: rule)
        let transfers = Transfers()
        let sender = CallbackSender(transfers: transfers, egress: rule)
        let error = await #expect(throws: DeliveryNotMade.self) {
            try await sender.deliver(body, to: url, id: "a\r\nb")
        }
        #expect(error != .stopped && error != .busy)
        await transfers.shutdown()
        await #expect(throws: DeliveryNotMade.stopped) { try await sender.deliver(body, to: url, id: "callback-5") }
    }
}
