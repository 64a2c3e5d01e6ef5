import Foundation
import TestSupport
import Testing

extension SystemTests {
    @Suite struct AdminTests {
        /// All that a refused command must leave as it was.
        private func state(_ site: Site) async throws -> [[String?]] {
            try await site.rows(
                """
                select (select string_agg(format('%s', g), ',' order by id) from user_groups g),
                    (select string_agg(format('%s', a), ',' order by id) from accounts a),
                    (select string_agg(format('%s', w), ',' order by id) from wallets w),
                    (select string_agg(format('%s', k), ',' order by id) from api_keys k),
                    (select count(*) from prices), (select count(*) from entries), (select count(*) from audit_log),
                    (select count(*) from admin_requests)
                """)
        }

        private static let wrongRightsAndLimits: [(line: String, advice: String)] = [
            ("key issue --account acme --scopes write", "generate, read, admin"),
            ("key issue --account acme --ip 10.0.0.1/8", "10.1.0.0/16"), ("key issue --account acme --ip here", "203.0.113.7"),
            ("key update 999999 --rpm 5", "zadmin key list"), ("key update 1", "--scopes"),
            ("key update 1 --rpm 0", "1 to"), ("key rotate 999999", "zadmin key list"),
            ("key rotate 1 --overlap 5", "24h"), ("key rotate 1 --overlap 9999d", "24h"),
            ("limit set --rpm 5", "--account"), ("limit set --account acme", "--rpm"),
            ("limit set --account nobody --rpm 5", "zadmin account list"), ("limit set --key 999999 --rpm 5", "zadmin key list"),
            ("limit set --group nobody --max-running 5", "zadmin group list"),
            ("limit set --account acme --model nothing --rpm 5", "zadmin price list"),
            ("limit set --account acme --rpm none5", "none"), ("limit set --account acme --max-pending 0", "1 to"),
            ("limit set --account acme --burst 5", "--rpm"), ("limit clear --model z-image-turbo", "--account"),
        ]

        @Test func wrongArgumentsAreRefusedWithAdvice() async throws {
            let table: [(line: String, advice: String)] = [
                ("account create new --group nobody", "zadmin group list"),
                ("account create acme --group default", "zadmin account show acme"),
                ("account create --group default -- -bad", "letters, digits"),
                ("account create a/b --group default", "letters, digits"),
                ("account suspend nobody", "zadmin account list"), ("account move acme --group nobody", "zadmin group list"),
                ("credits grant --account acme --amount -1", "0 or more"),
                ("credits grant --account acme --amount 1.0000001", "0.000001"),
                ("credits grant --account acme --amount 0", "more than 0"),
                ("credits grant --account acme --amount ten", "12.5"), ("credits grant --account acme --amount 1e3", "12.5"),
                ("credits grant --account acme --amount 1000000001", "at most"),
                ("credits grant --account acme", "--amount"),
                ("credits grant --account nobody --amount 1", "zadmin account list"),
                ("credits grant --account acme --amount 1 --reason \(String(repeating: "r", count: 501))", "500"),
                ("credits balance --account nobody", "zadmin account list"),
                ("credits history --account nobody", "zadmin account list"), ("audit --since yesterday", "2026-12-31"),
                ("audit --limit 0", "1 to 10000"),
                ("key issue --account nobody", "zadmin account list"),
                ("key issue --account acme --expires tomorrow", "2026-12-31"),
                // Neither rolled over to March, nor cut down to what can be read of it.
                ("key issue --account acme --expires 2090-02-30", "2026-12-31"),
                ("key issue --account acme --expires 2090-12-31T15:00:00", "2026-12-31"),
                ("key issue --account acme --expires 2090-12-31T25:00:00Z", "2026-12-31"),
                ("key issue --account acme --expires 2090-12-31xyz", "2026-12-31"),
                ("key issue --account acme --expires 12090-01-01", "2026-12-31"),
                ("price set --group default --model z-image-turbo --amount 1 --from 2090-02-29", "2026-12-31"),
                ("key issue --account acme --expires 2001-01-01", "past"),
                ("key issue --account acme --rpm 0", "1 to"), ("key revoke 999999", "zadmin key list"),
                ("key revoke abc", "zadmin key revoke --help"), ("key list --account nobody", "zadmin account list"),
                ("price set --group default --model nothing --amount 1", "zadmin price list"),
                ("price set --group nobody --model z-image-turbo --amount 1", "zadmin group list"),
                ("price set --group default --model z-image-turbo --amount -0.1", "0 or more"),
                ("price set --group default --model z-image-turbo --amount 1 --rule per_cat", "per_call"),
                ("price set --group default --model z-image-turbo --amount 1 --from 31.12.2026", "2026-12-31"),
                ("group create Upper", "lower-case"), ("group create default", "zadmin group show"),
                ("group update nobody --rpm 5", "zadmin group list"), ("group create g --rpm -3", "1 to"),
                ("usage --by moon", "day"), ("usage --from never", "2026-12-31"),
                ("usage --from 2026-12-01T15:30:00Z", "2026-12-01T15:00:00Z"),
                ("usage --to 2026-12-01T15:00:00+05:30", "2026-12-01T09:00:00Z"),
                ("usage --from 2026-12-02 --to 2026-12-01", "--to is the first moment after"),
                ("usage --from 2026-12-02 --to 2026-12-02", "--to is the first moment after"),
                ("usage --key 4242", "zadmin key list"), ("usage --model nothing", "zadmin price list"),
                ("usage --csv --json", "one of them"), ("usage --chart --by account", "--by day"),
                ("usage --account nobody", "zadmin account list"), ("usage --group nobody", "zadmin group list"),
                ("task show task-unified-1-aaaaaaaa", "zadmin task list"), ("task list --state sleeping", "pending"),
                ("planet list", "zadmin --help"), ("credits burn", "zadmin credits --help"),
                ("credits grant --account acme --amount 1 --foo", "zadmin credits grant --help"),
            ]
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let before = try await state(site)
                for (line, advice) in table + Self.wrongRightsAndLimits {
                    let outcome = try await site.zadmin(line)
                    try expectRefusal(outcome, line: line, advice: advice)
                    #expect(try await state(site) == before, "zadmin \(line) changed something")
                }
            }
        }

        func expectRefusal(_ outcome: Site.Outcome, line: String, advice: String) throws {
            guard case .exited(let code) = outcome.ending else {
                throw TestFailure("zadmin \(line) crashed: \(outcome.error)")
            }
            #expect(code != 0, "zadmin \(line)")
            #expect(outcome.output.isEmpty, "zadmin \(line): \(outcome.output)")
            #expect(outcome.error.contains(advice), "zadmin \(line): \(outcome.error)")
            let lines = outcome.error.split(separator: "\n")
            #expect(lines.first?.hasPrefix("Error: ") == true, "zadmin \(line): \(outcome.error)")
            // The argument parser adds the usage to what it refuses itself; 64 is its exit code for that.
            #expect(lines.count == 1 || code == 64, "zadmin \(line): \(outcome.error)")
            #expect(lines.count <= 5, "zadmin \(line): \(outcome.error)")
        }

        @Test func wrongSettingsAreRefusedWithAdvice() async throws {
            let table: [(setting: (String, String), advice: String)] = [
                (("ZIMAGE_DATABASE_URL", "postgresql:///zimage?host=/nonexistent"), "ZIMAGE_DATABASE_URL"),
                (("ZIMAGE_DATABASE_URL", "nonsense"), "ZIMAGE_DATABASE_URL"),
                (("ZIMAGE_DATABSE_URL", "x"), "ZIMAGE_DATABASE_URL"), (("ZIMAGE_LEASE_SECONDS", "soon"), "3 to 600"),
                (("ZIMAGE_PORT", "0"), "1 to 65535"), (("ZIMAGE_SANDBOX_SECONDS", "nan"), "0 to 3600"),
                (("ZIMAGE_EGRESS_ALLOW", "10.0.0.0"), "CIDR:port"), (("ZIMAGE_TRUSTED_PROXIES", "proxy"), "10.1.0.0/16"),
                (("ZIMAGE_LOG_LEVEL", "loud"), "warning"),
                (("ZIMAGE_CRASH_AT", "after lunch"), "zserve crash-points"),
                (("ZIMAGE_CRASH_AT", "after commit:0"), "1 to 1000000"),
                (("ZIMAGE_CONFIG", "/nonexistent/zimage.conf"), "ZIMAGE_CONFIG"),
                (("ZIMAGE_CREDIT_VALUE", "1,5"), "0.01"), (("ZIMAGE_CREDIT_VALUE", "-1"), "0.01"),
                (("ZIMAGE_CURRENCY", "usd"), "USD"), (("ZIMAGE_SECRET", "short"), "openssl rand"),
                (("ZIMAGE_SECRET", String(repeating: "ab", count: 32)), "ZIMAGE_SECRET"),
            ]
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                _ = try await site.issueKey("acme")
                let before = try await state(site)
                for (setting, advice) in table {
                    let settings = [setting.0: setting.1, "ZIMAGE_DATABASE_WAIT_SECONDS": "0"]
                    let line = "key issue --account acme"
                    let outcome = try await site.zadmin(line, settings: settings)
                    try expectRefusal(outcome, line: "\(setting) \(line)", advice: advice)
                    let server = try await site.run("zserve", ["--roles", "api"], settings: settings)
                    try expectRefusal(server, line: "\(setting) zserve", advice: advice)
                    if setting.0 == "ZIMAGE_SECRET" { #expect(!outcome.error.contains(setting.1), "secrets stay secret") }
                }
                let roles = try await site.run("zserve", ["--roles", "api,cook"])
                try expectRefusal(roles, line: "zserve --roles", advice: "worker")
                #expect(try await state(site) == before)
            }
        }

        @Test func aServerOnAnEmptyDatabaseSaysWhatToDo() async throws {
            try await Site.with { site in
                _ = try await site.rows("drop schema public cascade; create schema public")
                let server = try await site.run("zserve", [])
                try expectRefusal(server, line: "zserve", advice: "zadmin migrate")
                let doctor = try await site.zadmin("doctor --json")
                #expect(doctor.ending == .exited(1))
                #expect(try doctor.object()["healthy"] as? Bool == false)
            }
        }

        @Test func everyJSONAnswerParses() async throws {
            try await Site.with { site in
                func run(_ line: String) async throws -> Any {
                    let outcome = try await site.mustRun("\(line) --json")
                    #expect(outcome.error.isEmpty, "\(line): \(outcome.error)")
                    return try outcome.json()
                }
                for line in [
                    "migrate", "group create vip --rpm 600 --burst 10 --weight 2 --models z-image-turbo",
                    "group update vip --max-running 5", "group list", "group show vip",
                    "price set --group vip --model z-image-turbo --amount 0.02 --from 2030-01-01", "price list",
                    "price list --group vip", "account create acme --group vip", "account move acme --group default",
                    "account suspend acme", "account resume acme", "account list", "account show acme",
                    "credits grant --account acme --amount 2.5 --reason welcome",
                ] { _ = try await run(line) }
                let issued = try #require(try await run("key issue --account acme --name app") as? [String: Any])
                let key = try #require(issued["key"] as? String)
                let keyID = try #require(issued["id"] as? Int)
                #expect(key.hasPrefix("zk_live_"))
                let node = try await Node.start(site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
                let id = try await node.submit(key).taskID()
                try await site.allEnded()

                let task = try #require(try await run("task show \(id)") as? [String: Any])
                #expect(task["status"] as? String == "completed" && task["credits_settled"] as? String == "0.026")
                #expect((task["images"] as? [[String: Any]])?.count == 1)
                let tasks = try #require(try await run("task list --account acme --state completed") as? [[String: Any]])
                #expect(tasks.map { $0["id"] as? String } == [id])
                let history = try #require(try await run("credits history --account acme") as? [[String: Any]])
                #expect(history.map { $0["kind"] as? String } == ["settle", "reserve", "grant"])
                #expect(history.last?["reason"] as? String == "welcome")
                for by in ["day", "hour", "group", "account", "key", "model", "provider"] {
                    let usage = try #require(try await run("usage --group default --by \(by)") as? [String: Any])
                    #expect((usage["total"] as? [String: Any])?["credits_settled"] as? String == "0.026", "by \(by)")
                    #expect((usage["rows"] as? [Any])?.isEmpty == false, "by \(by)")
                }
                let proof = try #require(try await run("reconcile ledger") as? [String: Any])
                #expect(proof["clean"] as? Bool == true)
                let doctor = try #require(try await run("doctor") as? [String: Any])
                #expect(doctor["healthy"] as? Bool == true)
                let keys = try #require(try await run("key list --account acme") as? [[String: Any]])
                #expect(keys.map { $0["id"] as? Int } == [keyID])
                #expect(keys.first?["hint"] as? String == String(key.suffix(4)))
                let changed = try #require(
                    try await run("key update \(keyID) --scopes read,admin --ip 10.0.0.0/8 --rpm 60 --models none") as? [String: Any])
                #expect(changed["scopes"] as? [String] == ["read", "admin"] && changed["ips"] as? [String] == ["10.0.0.0/8"])
                let limit = "limit set --key \(keyID) --model z-image-turbo --rpm 9 --burst 3 --max-running 2 --max-pending 4"
                _ = try await run(limit)
                let rotated = try #require(try await run("key rotate \(keyID) --overlap 1h") as? [String: Any])
                let newID = try #require(rotated["id"] as? Int)
                #expect((rotated["key"] as? String)?.hasPrefix("zk_live_") == true)
                let limits = try #require(try await run("limit list --key \(newID)") as? [[String: Any]])
                #expect(limits.map { $0["rpm"] as? Int } == [60, 9] && limits[1]["max_running"] as? Int == 2)
                _ = try await run("limit clear --key \(newID) --model z-image-turbo")
                _ = try await run("key revoke \(keyID)")
                let config = try await site.run(
                    "zserve", ["config", "--json"], settings: ["ZIMAGE_SECRET": String(repeating: "7e", count: 32)])
                #expect(try config.json() is [[String: Any]] && !config.output.contains("7e7e"))
                let csv = try await site.mustRun("usage --csv")
                #expect(csv.output.split(separator: "\n").count == 2)
            }
        }

        @Test func theAuditLogTellsWhoDidWhatAndWhy() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                try await site.mustRun("credits grant --account acme --amount 2 --reason order-17")
                let lines = try #require(try await site.mustRun("audit --json --limit 2").json() as? [[String: Any]])
                #expect(lines.map { $0["command"] as? String } == ["credits grant", "credits grant"], "the newest first")
                #expect(lines[0]["reason"] as? String == "order-17" && lines[0]["target"] as? String == "acme")
                let actor = try #require(lines[0]["actor"] as? String)
                let mine = try #require(try await site.mustRun("audit --actor \(actor) --since 2026-01-01 --json").json() as? [Any])
                #expect(mine.count == 3)
                #expect(try await site.mustRun("audit --actor nobody --json").json() as? [String] == [])
                #expect(try await site.mustRun("audit --since 2099-01-01 --json").json() as? [String] == [])
                let table = try await site.mustRun("audit").output
                #expect(table.contains("order-17") && table.contains("account create"))
            }
        }

        @Test func aTaskIsRetriedUntilItHasEnded() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                // It draws for an hour and does not lose its lease, so that only an operator can take the task from it.
                let stuck = try await Node.start(
                    site,
                    settings: ["ZIMAGE_SANDBOX_SECONDS": "3600", "ZIMAGE_LEASE_SECONDS": "600", "ZIMAGE_GRACE_SECONDS": "1"])
                let id = try await stuck.submit(key).taskID()
                try await eventually("it works") { try await site.number("select count(*) from leases") == 1 }
                stuck.child.send(SIGSTOP)
                try await site.mustRun("task retry \(id)")
                let quick = try await Node.start(site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
                try await site.allEnded()
                stuck.child.send(SIGCONT)
                #expect(await stuck.stop() == .exited(0))
                #expect(try await quick.task(id, key)["status"] as? String == "completed")
                let late = try await site.zadmin("task retry \(id)")
                try expectRefusal(late, line: "task retry", advice: "zadmin task show \(id)")
                try expectRefusal(try await site.zadmin("task retry nothing"), line: "task retry", advice: "zadmin task list")
                try await site.expectCleanLedger()
            }
        }

        @Test func anIdempotencyKeyRunsACommandOnce() async throws {
            try await Site.with { site in
                try await site.mustRun("account create acme --group default --idempotency-key a1")
                try await site.mustRun("account create acme --group default --idempotency-key a1")
                let grant = "credits grant --account acme --amount 7 --idempotency-key g1 --json"
                let first = try await site.mustRun(grant).object()
                let second = try await site.mustRun(grant).object()
                #expect(NSDictionary(dictionary: first) == NSDictionary(dictionary: second))
                #expect(try await site.balance("acme") == ["7", "0", "0"])
                let other = try await site.zadmin("credits grant --account acme --amount 8 --idempotency-key g1")
                try expectRefusal(other, line: "another amount", advice: "new key")
                #expect(try await site.balance("acme") == ["7", "0", "0"])

                let issue = "key issue --account acme --idempotency-key k1 --json"
                let issued = try await site.mustRun(issue).object()
                let again = try await site.mustRun(issue).object()
                #expect(issued["key"] is String && again["key"] is NSNull, "a key is shown once")
                #expect(issued["id"] as? Int == again["id"] as? Int)
                #expect(try await site.number("select count(*) from api_keys") == 1)
                // Two at once: one of them waits for the other.
                async let left = site.zadmin("credits grant --account acme --amount 1 --idempotency-key g2")
                async let right = site.zadmin("credits grant --account acme --amount 1 --idempotency-key g2")
                let both = try await [left, right]
                #expect(both.allSatisfy { $0.isSuccess }, "\(both.map(\.error))")
                #expect(try await site.balance("acme") == ["8", "0", "0"])
                #expect(try await site.number("select count(*) from audit_log where command = 'credits grant'") == 2)
                try await site.expectCleanLedger()
            }
        }
    }
}
