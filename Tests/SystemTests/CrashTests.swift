import Curl
import Foundation
import Postgres
import TestSupport
import Testing

extension SystemTests {
    @Suite struct CrashTests {
        /// Submits with an idempotency key until the answer is 200, as a careful client does; returns the task's id.
        private func insist(_ node: Node, _ key: String, _ idempotencyKey: String) async throws -> String {
            var id: String?
            try await eventually("an answer for \(idempotencyKey)") {
                guard let reply = try? await node.submit(key, idempotencyKey: idempotencyKey) else { return false }
                guard reply.status == 200 else {
                    #expect([503, 500].contains(reply.status), "\(reply.text)")
                    #expect(reply.status == 503, "an outage is not a fault of ours: \(reply.text)")
                    return false
                }
                id = try reply.taskID()
                return true
            }
            return try #require(id)
        }

        /// Every task that was promised is there, has ended, and was charged at most once.
        private func expectKept(_ ids: Set<String>, _ site: Site, _ node: Node, _ key: String) async throws {
            try await site.allEnded()
            var completed = 0
            for id in ids {
                let task = try await node.task(id, key)
                let status = try #require(task["status"] as? String)
                #expect(["completed", "failed"].contains(status))
                if status == "completed" { completed += 1 }
            }
            #expect(try await site.number("select count(*) from tasks") == ids.count)
            #expect(try await site.number("select count(*) from entries where kind = 'settle'") == completed)
            #expect(try await site.number("select count(*) from entries where kind in ('settle', 'refund')") == ids.count)
            #expect(
                try await site.number("select settled from wallets where id = (select min(wallet_id) from tasks)")
                    == completed * 26_000)
            try await site.expectCleanLedger()
        }

        @Test func aKilledNodeLosesNothing() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "10")
                let key = try await site.issueKey("acme")
                let settings = ["ZIMAGE_SANDBOX_SECONDS": "1", "ZIMAGE_LEASE_SECONDS": "3"]
                let first = try await Node.start(site, settings: settings)
                let ids = try await withThrowingTaskGroup(of: String.self) { group in
                    for _ in 0..<50 { group.addTask { try await first.submit(key).taskID() } }
                    return try await group.reduce(into: Set<String>()) { $0.insert($1) }
                }
                #expect(ids.count == 50)
                try await eventually("many tasks run") {
                    try await site.number("select count(*) from tasks where state = 'processing'") >= 10
                }
                await first.kill()
                #expect(try await site.number("select count(*) from tasks where finished_at is null") > 0)
                try await site.expectCleanLedger()
                let second = try await Node.start(site, settings: settings)
                try await expectKept(ids, site, second, key)
                #expect(try await site.number("select count(*) from attempts where outcome = 'lost'") > 0)
            }
        }

        @Test func aNodeKilledAmidSubmitsMakesNoTaskTwice() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "10")
                let key = try await site.issueKey("acme")
                let settings = ["ZIMAGE_SANDBOX_SECONDS": "0", "ZIMAGE_LEASE_SECONDS": "3"]
                let first = try await Node.start(site, settings: settings)
                let keys = (0..<60).map { "order-\($0)" }
                let answered = try await withThrowingTaskGroup(of: (String, String?).self) { group in
                    for (index, name) in keys.enumerated() {
                        group.addTask {
                            let reply = try? await first.submit(key, idempotencyKey: name)
                            // Somewhere in the middle of the answers the node dies.
                            if index == 20 { await first.kill() }
                            return (name, reply?.status == 200 ? try reply?.taskID() : nil)
                        }
                    }
                    return try await group.reduce(into: [String: String]()) { $0[$1.0] = $1.1 }
                }
                let second = try await Node.start(site, settings: settings)
                var ids: Set<String> = []
                for name in keys {
                    let id = try await insist(second, key, name)
                    if let promised = answered[name] { #expect(id == promised) }
                    ids.insert(id)
                }
                #expect(ids.count == keys.count)
                try await expectKept(ids, site, second, key)
            }
        }

        @Test func aKilledDatabaseIsFoundAgain() async throws {
            try await Site.with(embedded: true) { site in
                let node = try await Node.start(
                    site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0", "ZIMAGE_LEASE_SECONDS": "3"])
                try await site.makeAccount("acme", credits: "10")
                let key = try await site.issueKey("acme")
                let done = Counter()
                let ids = try await withThrowingTaskGroup(of: [String].self) { group in
                    for client in 0..<6 {
                        group.addTask {
                            var ids: [String] = []
                            for number in 0..<12 {
                                ids.append(try await insist(node, key, "c\(client)-\(number)"))
                                done.add()
                            }
                            return ids
                        }
                    }
                    try await eventually("some load") { done.value >= 12 }
                    try killPostmaster(of: site)
                    let cluster = EmbeddedCluster(dataFolder: site.folder)
                    try await onOwnThread { try cluster.start() }
                    return try await group.reduce(into: Set<String>()) { $0.formUnion($1) }
                }
                #expect(ids.count == 72)
                #expect(node.child.isRunning, "nobody had to start it again")
                try await expectKept(ids, site, node, key)
                #expect(try await node.send("GET", "/readyz").status == 200)
            }
        }

        /// As after a power cut, when everything starts at once.
        @Test func aNodeWaitsForADatabaseThatIsAwayWhenItStarts() async throws {
            try await Site.with(embedded: true) { site in
                let cluster = EmbeddedCluster(dataFolder: site.folder)
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let settings = ["ZIMAGE_DATABASE_URL": cluster.url, "ZIMAGE_SANDBOX_SECONDS": "0", "ZIMAGE_LOG_LEVEL": "warning"]
                let (early, log) = try site.launch("zserve", ["--roles", "worker"], settings: settings)
                try await eventually("it finds no database") {
                    try String(contentsOfFile: "\(log).err", encoding: .utf8).contains("the database is away, trying again")
                }
                #expect(early.isRunning)
                try await onOwnThread { try cluster.start() }
                let api = try await Node.start(site, roles: "api", settings: ["ZIMAGE_DATABASE_URL": cluster.url])
                let id = try await api.submit(key).taskID()
                try await site.allEnded()
                #expect(try await api.task(id, key)["status"] as? String == "completed")
                early.send(SIGTERM)
                #expect(await early.ending() == .exited(0))
            }
        }

        private func killPostmaster(of site: Site) throws {
            let file = try String(contentsOfFile: "\(site.folder)/postgres/data/postmaster.pid", encoding: .utf8)
            let pid = try #require(file.split(separator: "\n").first.flatMap { Int32($0) })
            #expect(kill(pid, SIGKILL) == 0)
        }

        /// Somebody presses Ctrl-Z, or closes a laptop, between two statements of a grant: the account's wallet is locked.
        @Test func aCommandThatIsStoppedMidwayHoldsUpNoSales() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let node = try await Node.start(site, roles: "api")
                let owner = try await site.connect()
                _ = try await owner.runText(
                    "set idle_in_transaction_session_timeout = 0; begin; lock table audit_log in exclusive mode")
                let line = "credits grant --account acme --amount 5".split(separator: " ").map(String.init)
                let (stopped, _) = try site.launch("zadmin", line, settings: [:])
                try await eventually("the grant waits") {
                    try await site.number(
                        """
                        select count(*) from pg_stat_activity where datname = current_database()
                            and query like 'insert into audit_log%' and wait_event_type = 'Lock'
                        """) == 1
                }
                // It has the wallet's lock, and cannot come to its commit.
                stopped.send(SIGSTOP)
                try await eventually("every thread of it stands still") { stopped.isStopped }
                _ = try await owner.runText("commit")
                #expect(try await node.submit(key).status == 200)
                stopped.send(SIGCONT)
                #expect(await stopped.ending() == .exited(1), "the grant failed")
                #expect(try await site.balance("acme") == ["0.974", "0.026", "0"], "and changed nothing")
                try await site.expectCleanLedger()
            }
        }

        @Test func aNodeThatIsAskedToStopFinishesItsWork() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let node = try await Node.start(
                    site, settings: ["ZIMAGE_SANDBOX_SECONDS": "1", "ZIMAGE_GRACE_SECONDS": "60"])
                for _ in 0..<4 { _ = try await node.submit(key) }
                try await eventually("the tasks run") {
                    try await site.number("select count(*) from tasks where state = 'processing'") == 4
                }
                #expect(await node.stop() == .exited(0))
                #expect(try await site.number("select count(*) from tasks where state = 'completed'") == 4)
                #expect(try await site.number("select count(*) from leases") == 0)
                try await site.expectCleanLedger()
            }
        }

        @Test func aNodeThatMustStopNowHandsItsWorkBack() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let slow = try await Node.start(
                    site, settings: ["ZIMAGE_SANDBOX_SECONDS": "3600", "ZIMAGE_GRACE_SECONDS": "0"])
                let id = try await slow.submit(key).taskID()
                try await eventually("the task runs") {
                    try await site.number("select count(*) from tasks where state = 'processing'") == 1
                }
                #expect(await slow.stop() == .exited(0))
                #expect(try await site.rows("select state from tasks") == [["pending"]])
                #expect(try await site.rows("select outcome from attempts") == [["handed_back"]])
                let quick = try await Node.start(site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
                try await site.allEnded()
                #expect(try await quick.task(id, key)["status"] as? String == "completed")
                try await site.expectCleanLedger()
            }
        }
    }
}
