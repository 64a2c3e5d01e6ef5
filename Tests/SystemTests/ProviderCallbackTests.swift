import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Providers that call back, between real programs.
    @Suite struct ProviderCallbackTests {
        private static let marker = "asks early because the provider called"

        /// Sells what a provider of the unified dialect draws.
        private func sell(_ url: String, _ site: Site, secret: String, options: String = "") async throws -> String {
            try await site.mustRun(
                "provider add far --kind unified \(options) --base-url \(url) --allow-private --model z-image-turbo "
                    + "--cost 0.005 --currency USD", input: secret)
            try await site.makeAccount("acme", credits: "5")
            return try await site.issueKey("acme")
        }

        private func simulator(_ site: Site, _ options: [String]) async throws -> String {
            let (child, log) = try site.launch("zserve", ["simulate", "--kind", "unified", "--key", "secret"] + options, settings: [:])
            var said = ""
            try await eventually("the simulator's address") {
                said = try String(contentsOfFile: "\(log).out", encoding: .utf8)
                return said.contains("zadmin provider add") || !child.isRunning
            }
            return String(try #require(said.firstMatch(of: /http:\/\/127\.0\.0\.1:[0-9]+/)?.output))
        }

        /// The node that is called is not the one that asks.
        @Test func aCallToOneNodeWakesAnother() async throws {
            try await Site.with { site in
                let far = try await simulator(
                    site, ["--seconds", "3600", "--quirk", "local-callbacks", "--fault", "submit:duplicate-callback:*"])
                let key = try await sell(far, site, secret: "secret")
                let api = try await Node.start(site, roles: "api")
                let worker = try await Node.start(
                    site, roles: "worker",
                    settings: ["ZIMAGE_PUBLIC_URL": "http://127.0.0.1:\(api.port)/", "ZIMAGE_LOG_LEVEL": "debug"])
                func ask(_ method: String, _ path: String) async throws -> [String: Any] {
                    try await site.transfers.perform(TransferRequest(
                        method: method, url: "\(far)/_simulator\(path)", headers: [], egress: nil)).object()
                }
                var jobs = 0
                // By chance it is asked at the moment at which the job ends; then there is another job.
                while try !String(contentsOfFile: "\(worker.log).err", encoding: .utf8).contains(Self.marker) {
                    _ = try await api.submit(key).taskID()
                    jobs += 1
                    try await eventually("the submit arrives") {
                        try await site.number("select count(*) from provider_submits where state = 'accepted'") == 1
                    }
                    #expect(try await ask("POST", "/finish")["finished"] as? Int == 1)
                    try await site.allEnded()
                }
                #expect(try await site.number("select count(*) from tasks where state = 'completed'") == jobs)
                try await eventually("each is told twice and heard each time") {
                    try await ask("GET", "")["callbacks"] as? Int == 2 * jobs
                }
                let forged = "/provider-callbacks/zimage-5f0c1de2-6a1b-4c55-9c0e-0d2f8a7b6c5d-\(String(repeating: "0", count: 32))"
                #expect(try await api.send("POST", forged, body: []).status == 404)
                try await site.expectCleanLedger()
            }
        }

        /// Another installation signs its callbacks and calls https addresses alone; whoever stands before this one takes them.
        @Test func anInstallationOfOursCallsAndOneThatMayNotIsAskedAllTheSame() async throws {
            let proxy = try await TLSCustomer()
            try await Site.with { far in
                let drawing = try await Node.start(
                    far, settings: [
                        "ZIMAGE_SANDBOX_SECONDS": "0", "ZIMAGE_EGRESS_ALLOW": "127.0.0.1/32:\(proxy.port)",
                        "ZIMAGE_EGRESS_CA": proxy.caFile,
                    ])
                try await far.makeAccount("reseller", credits: "10")
                let upstream = try await far.issueKey("reseller")
                for (publicURL, isCalled) in [(proxy.url("/204"), true), ("http://127.0.0.1:1", false)] {
                    try await Site.with { near in
                        let key = try await sell(
                            "http://127.0.0.1:\(drawing.port)", near, secret: upstream, options: "--engine zimage")
                        let selling = try await Node.start(near, settings: ["ZIMAGE_PUBLIC_URL": publicURL])
                        _ = try await selling.submit(key).taskID()
                        if isCalled {
                            let seen = try await proxy.nextSeen()
                            #expect(seen.headers["webhook-signature"] != nil)
                            let path = String(seen.path.dropFirst("/204".count))
                            #expect(try await selling.send("POST", path, body: Array(seen.body.utf8)).status == 204)
                        }
                        try await near.allEnded()
                        #expect(try await near.rows("select state from tasks") == [["completed"]])
                        try await near.expectCleanLedger()
                    }
                }
                #expect(try await far.number("select count(*) from tasks") == 2)
                #expect(try await far.number("select count(*) from callbacks") == 1)
                try await far.expectCleanLedger()
            }
        }
    }
}
