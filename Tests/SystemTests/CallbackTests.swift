import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    @Suite struct CallbackTests {
        /// A node that may call the customer.
        private func start(
            _ site: Site, _ customer: TLSCustomer, settings: [String: String] = [:]
        ) async throws -> Node {
            let needed = ["ZIMAGE_EGRESS_ALLOW": "127.0.0.1/32:\(customer.port)", "ZIMAGE_EGRESS_CA": customer.caFile]
            return try await start(site, needed.merging(settings) { $1 })
        }

        private func start(_ site: Site, _ settings: [String: String]) async throws -> Node {
            try await Node.start(site, settings: settings.merging(["ZIMAGE_SANDBOX_SECONDS": "0"]) { $1 })
        }

        private func order(_ node: Node, _ key: String, callback url: String) async throws -> String {
            try await node.submit(key, body: Node.body.dropLast() + #","callback_url":"\#(url)"}"#).taskID()
        }

        private func secrets(_ site: Site, _ line: String) async throws -> [String] {
            let answer = try await site.mustRun("callback secret \(line) --account acme --json").object()
            return try #require(answer["secrets"] as? [[String: Any]]).compactMap { $0["secret"] as? String }
        }

        private func states(_ site: Site) async throws -> [[String?]] {
            try await site.rows("select state, attempts, last_status, last_error from callbacks order by id")
        }

        // MARK: the signature

        @Test func theLibraryOfCustomersVerifiesCallbacksAlsoWhileSecretsChange() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let customer = try await TLSCustomer()
                let node = try await start(site, customer)
                let id = try await order(node, key, callback: customer.url("/204"))
                let seen = try await customer.nextSeen()
                let reply = try await node.send("GET", "/v1/tasks/\(id)", key: key)
                #expect(seen.body == reply.text, "the answer to a query, byte for byte")
                let old = try #require(try await secrets(site, "show").first)
                #expect(try await RealClients.verifies(seen, secret: old, in: site))
                #expect(try await !RealClients.verifies(seen, body: seen.body + " ", secret: old, in: site))
                let stranger = "whsec_" + Data(repeating: 7, count: 32).base64EncodedString()
                #expect(try await !RealClients.verifies(seen, secret: stranger, in: site))

                let own = try await node.send("GET", "/v1/callback-secret", key: key)
                #expect(own.text == #"{"object":"callback_secret","secrets":[{"secret":"\#(old)","ends_at":null}]}"#)

                let both = try await secrets(site, "rotate --overlap 24h --reason leaked")
                #expect(both.count == 2 && both.last == old && both.first != old)
                let during = try await again(seen, site, customer)
                for secret in both { #expect(try await RealClients.verifies(during, secret: secret, in: site)) }

                let newest = try await secrets(site, "rotate --overlap 0")
                #expect(newest.count == 1)
                let after = try await again(seen, site, customer)
                #expect(try await RealClients.verifies(after, secret: newest[0], in: site))
                for secret in both { #expect(try await !RealClients.verifies(after, secret: secret, in: site)) }
                let reasons = "select reason from audit_log where command = 'callback secret rotate' order by id"
                #expect(try await site.rows(reasons) == [["leaked"], ["not given"]])
                let kept = try await site.rows(
                    "select result::text from audit_log union all select result::text from admin_requests")
                for secret in both + newest { #expect(!kept.joined().contains { $0?.contains(secret) == true }) }
            }
        }

        /// Has a callback sent again; it is the same one to the customer.
        private func again(
            _ first: TLSCustomer.Seen, _ site: Site, _ customer: TLSCustomer
        ) async throws -> TLSCustomer.Seen {
            let id = try #require(first.headers["webhook-id"])
            // Not while the call before it is still being recorded.
            try await eventually("the callback is delivered") { try await states(site).first?.first == "delivered" }
            try await site.mustRun("callback redeliver \(id)")
            let seen = try await customer.nextSeen()
            #expect(seen.headers["webhook-id"] == id && seen.body == first.body)
            return seen
        }

        // MARK: receivers

        @Test func eachKindOfReceiverIsHandledAsPromised() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let customer = try await CallbackLog()
                let listening = Task { await customer.listen() }
                defer { listening.cancel() }
                let node = try await start(site, await customer.settings)
                let followed = await customer.url("/200/followed")
                let paths = [
                    "/500", "/301/redirect\(followed)", "/410", "/429/after/1200", "/503/after/99999", "/reset", "/drop", "/hang",
                    "/200",
                ]
                for path in paths { _ = try await order(node, key, callback: await customer.url(path)) }
                try await eventually("every receiver was tried") {
                    try await site.number("select count(distinct callback_id) from callback_deliveries") == paths.count
                }
                try await expectFirstTries(site)
                let early = "select count(*) from callbacks where url like '%/after/%' and attempts <> 1"
                #expect(try await site.number(early) == 0, "nobody is called sooner than they asked for")
                try await passTime(site)
                #expect(await customer.calls(to: "/200/followed").isEmpty, "redirects are not followed")
                let last = try await site.rows(
                    "select state, attempts, last_error from callbacks where url not like '%/hang' order by task_id")
                let errors = ["refused_by_server", "redirected", nil, "refused_by_server", "refused_by_server"]
                for (row, error) in zip(last, errors + ["broken_connection", "broken_connection"]) where error != nil {
                    #expect(row == ["given_up", "10", error])
                }
                #expect(last[2] == ["given_up", "1", "gone"])
                #expect(last[7] == ["delivered", "1", nil])
                try await eventually("the customer has told of ten calls, one and one") {
                    var counts: [Int] = []
                    for path in ["/500", "/410", "/200"] { counts.append(await customer.calls(to: path).count) }
                    return counts == [10, 1, 1]
                }
                let ids = Set(await customer.calls(to: "/500").map { $0.headers["webhook-id"] })
                #expect(ids.count == 1, "ten tries under one id")
                try await expectOperatorsView(site)
            }
        }

        /// The first try of each, as the log of deliveries has it, and when the next one was due.
        private func expectFirstTries(_ site: Site) async throws {
            let rows = try await site.rows(
                """
                select d.status, d.error from callbacks c join callback_deliveries d on d.callback_id = c.id and d.number = 1
                order by c.task_id
                """)
            #expect(rows == [
                ["500", "refused_by_server"], ["301", "redirected"], ["410", "gone"], ["429", "refused_by_server"],
                ["503", "refused_by_server"], [nil, "broken_connection"], [nil, "broken_connection"], [nil, "timed_out"],
                ["200", nil],
            ])
            let waits = try await site.rows(
                """
                select round(extract(epoch from c.next_at - d.at)) from callbacks c join callback_deliveries d on d.callback_id = c.id
                where c.url like '%/after/%' and d.number = 1 order by c.task_id
                """)
            #expect(waits == [["1200"], ["3600"]], "as they asked, but at most an hour")
            let hung = try await site.number(
                """
                select d.duration_ms from callbacks c join callback_deliveries d on d.callback_id = c.id and d.number = 1
                where c.url like '%/hang'
                """)
            #expect(hung >= 10_000, "ten seconds")
            #expect(try await site.rows("select state from callbacks where url like '%/410'") == [["given_up"]])
        }

        /// Makes what waits due again and again, as if the day of tries went by.
        private func passTime(_ site: Site) async throws {
            try await eventually("all tries are over") {
                let left = "state = 'waiting' and url not like '%/hang'"
                _ = try await site.rows("update callbacks set next_at = now() where \(left) and taken = 0")
                return try await site.number("select count(*) from callbacks where \(left)") == 0
            }
        }

        private func expectOperatorsView(_ site: Site) async throws {
            let listed = try #require(
                try await site.mustRun("callback list --account acme --state given_up --json").json() as? [[String: Any]])
            #expect(listed.count == 7 && listed.allSatisfy { $0["state"] as? String == "given_up" })
            let id = try await site.number("select id from callbacks where url like '%/500'")
            let one = try await site.mustRun("callback show callback-\(id) --json").object()
            let tries = try #require(one["deliveries"] as? [[String: Any]])
            #expect(tries.count == 10 && tries.allSatisfy { $0["status"] as? Int == 500 })
            #expect(one["next_try_at"] is NSNull && one["attempts"] as? Int == 10)
            let task = try #require(one["task"] as? String)
            let byTask = try #require(try await site.mustRun("callback list --task \(task) --json").json() as? [[String: Any]])
            #expect(byTask.map { $0["id"] as? Int } == [id])
            let newest = try #require(try await site.mustRun("callback list --limit 2 --json").json() as? [[String: Any]])
            #expect(newest.map { $0["id"] as? Int } == [9, 8])
            let shown = try await site.mustRun("callback show \(id)").output
            #expect(shown.contains("webhook-id callback-\(id)") && shown.contains("refused_by_server"))
            #expect(try await site.mustRun("callback list --state delivered").output.contains("/200"))
        }

        // MARK: a death between send and record

        @Test func aKillBetweenSendAndRecordSendsAgainUnderTheSameID() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let customer = try await TLSCustomer()
                // Both nodes are the same service to customers, and name the same links.
                let service = ["ZIMAGE_PUBLIC_URL": "https://images.example.com"]
                let dying = try await start(
                    site, customer, settings: service.merging(["ZIMAGE_CRASH_AT": "after callback"]) { $1 })
                _ = try? await order(dying, key, callback: customer.url("/200"))
                let first = try await customer.nextSeen()
                #expect(await dying.child.ending() == .killed(bySignal: SIGKILL))
                #expect(try await site.rows("select state, attempts, taken from callbacks") == [["waiting", "0", "1"]])
                _ = try await site.rows("update callbacks set next_at = now()")
                _ = try await start(site, customer, settings: service)
                let second = try await customer.nextSeen()
                #expect(second.headers["webhook-id"] == first.headers["webhook-id"] && second.body == first.body)
                try await eventually("it is delivered") { try await states(site) == [["delivered", "1", "200", nil]] }
                try await site.expectCleanLedger()
            }
        }

        // MARK: commands

        @Test func commandsSayWhatToDoInstead() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let refusals = [
                    ("callback list --state lost", "waiting, due, delivered, given_up"), ("callback list --limit 0", "1 to 1000"),
                    ("callback list --limit 1001", "1 to 1000"), ("callback list --account nobody", "zadmin account list"),
                    ("callback list --task task-unified-1-x", "no callback"),
                    ("callback list --task task-unified-1-x --account acme", "leave out"),
                    ("callback show 7", "zadmin callback list"), ("callback show seven", "webhook-id"),
                    ("callback show callback--1", "webhook-id"), ("callback show 99999999999999999999", "webhook-id"),
                    ("callback redeliver 7", "zadmin callback list"), ("callback redeliver +7", "webhook-id"),
                    ("callback secret show --account nobody", "zadmin account list"),
                    ("callback secret rotate --account nobody", "zadmin account list"),
                    ("callback secret rotate --account acme --overlap soon", "24h"),
                    ("callback secret rotate --account acme --overlap 31d", "30 days"),
                    ("callback secret rotate --account acme --overlap -1h", "overlap"),
                    ("callback secret rotate --account acme --overlap 9999999d", "30 days"),
                ]
                for (line, advice) in refusals {
                    let outcome = try await site.zadmin(line)
                    #expect(!outcome.isSuccess && outcome.error.contains(advice), "\(line): \(outcome.output)\(outcome.error)")
                }
                #expect(try await site.number("select count(*) from callback_secrets") == 0)
                let rotate = "callback secret rotate --account acme --idempotency-key r1 --json"
                let first = try await site.mustRun(rotate).output
                #expect(try await site.mustRun(rotate).output == first, "the same key rotates once")
                #expect(try await site.number("select count(*) from callback_secrets") == 1)
            }
        }
    }
}
