import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// `zserve simulate` as an operator runs it.
    @Suite struct SimulateTests {
        /// What to submit, where the id is, and how the invoice is recognised.
        struct Play: Sendable, CustomTestStringConvertible {
            let kind: String
            let path: String
            let body: String
            /// The cost that we expect, in millionths of a dollar.
            let micro: Int
            var testDescription: String { kind }
        }

        static let plays = [
            Play(kind: "novita", path: "/v3/async/z-image-turbo", body: #"{"prompt":"a cat","size":"256*256"}"#, micro: 5000),
            Play(kind: "highway", path: "/v3/async/z-image-turbo", body: #"{"prompt":"a cat","size":"256*256"}"#, micro: 5000),
            Play(
                kind: "unified", path: "/v1/images/generations", body: #"{"model":"z-image-turbo","prompt":"a cat","size":"376x376"}"#,
                micro: 5000),
            Play(kind: "zimageturbo", path: "/api/generate", body: #"{"prompt":"a cat","aspect_ratio":"1:1"}"#, micro: 20_000),
            Play(
                kind: "openai-images", path: "/v1/images/generations", body: #"{"prompt":"a cat","size":"256x256"}"#, micro: 5000),
        ]

        @Test(arguments: plays) func itServesBillsAndStops(play: Play) async throws {
            try await Site.with { site in
                let options = ["--kind", play.kind, "--key", "secret", "--seconds", "0", "--fault", "submit:503"]
                let (child, log) = try site.launch("zserve", ["simulate"] + options, settings: [:])
                var said = ""
                try await eventually("the simulator's address") {
                    said = try String(contentsOfFile: "\(log).out", encoding: .utf8)
                    return said.contains("zadmin provider add") || !child.isRunning
                }
                let greeting = /simulating [a-z-]+ at (http:\/\/127\.0\.0\.1:[0-9]+) \(key: secret\)/
                let url = String(try #require(said.firstMatch(of: greeting)?.1))
                #expect(said.contains("zadmin provider add sim --kind \(play.kind)") && said.contains("--base-url \(url) "))
                func send(_ method: String, _ path: String, _ body: String? = nil) async throws -> TransferResponse {
                    let headers = [(name: "authorization", value: "Bearer secret"), (name: "content-type", value: "application/json")]
                    return try await site.transfers.perform(TransferRequest(
                        method: method, url: url + path, headers: headers, body: body.map { Array($0.utf8) }, egress: nil))
                }
                #expect(try await send("POST", play.path, play.body).status == 503)
                #expect(try await send("POST", play.path, play.body).status == 200)
                let ledger = try await send("GET", "/_simulator").object()
                let submits = try #require(ledger["submits"] as? [[String: Any]])
                #expect(ledger["charged"] as? Int == 1 && submits.map { $0["charged"] as? Bool } == [false, true])
                let id = try #require(submits.last?["id"] as? String)
                let file = "\(site.folder)/invoice.csv"
                try Data(try await send("GET", "/_simulator/invoice.csv").body).write(to: URL(fileURLWithPath: file))
                try await expectAgreement(site, play, id, file)
                child.send(SIGTERM)
                #expect(await child.ending() == .exited(0))
            }
        }

        /// The invoice is read as it is, and agrees with what was done.
        private func expectAgreement(_ site: Site, _ play: Play, _ id: String, _ file: String) async throws {
            _ = try await site.rows(
                """
                insert into attempts (task_id, number, lease, node, provider, provider_task_id, cost, currency, outcome,
                    started_at, ended_at)
                values (1, 1, 1, 'node', 'sim', '\(id)', \(play.micro), 'USD', 'completed', now(), now())
                """)
            let outcome = try await site.zadmin(
                "reconcile provider sim --invoice \(file) --from 2020-01-01 --to 2100-01-01")
            #expect(outcome.isSuccess, "\(outcome.output)\(outcome.error)")
            #expect(outcome.output.contains("The invoice agrees with what was done."))
        }

        @Test func badOptionsAreRefusedWithTheFix() async throws {
            try await Site.with { site in
                for (line, advice) in [
                    ("--kind acme", "novita, highway, unified, zimageturbo, openai-images"),
                    ("--kind novita --fault nonsense", "MOMENT:FAULT"),
                    ("--kind novita --fault cancel:503", "has no cancel"), ("--kind novita --quirk odd", "numbers-as-strings"),
                    ("--kind novita --price dear", "0.005"), ("--kind novita --port 70000", "65535"),
                    ("--kind novita --seconds -1", "0 seconds or more"), ("--kind novita --balance -1", "balance"),
                    ("--kind novita --key it's", "without quotes"),
                ] {
                    let outcome = try await site.run("zserve", ["simulate"] + line.split(separator: " ").map(String.init))
                    #expect(!outcome.isSuccess && outcome.error.contains(advice), "\(line): \(outcome.error)\(outcome.output)")
                }
                let quirks = try await site.run("zserve", ["simulate", "--kind", "unified", "--quirk", "list"])
                #expect(quirks.isSuccess && quirks.output.contains("no-cancel: there is no route to cancel"))
            }
        }
    }
}
