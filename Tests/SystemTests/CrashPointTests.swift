import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Programs die at each of the points that `zserve crash-points` lists, and nothing is lost and nothing charged twice.
    /// A point that is in none of the lists here is one of a node's, which must get there.
    @Suite struct CrashPointTests {
        /// Doors of money and queue, at which a node dies on a later visit too.
        private static let doors = ["admit_tasks", "claim_tasks", "close_tasks"]
        /// A node's, but not in a trial: the embedded database's watch, the secret of a new installation, a question that is
        /// asked only after a checker refused a picture and only read, a callback that is put back untried, which is due
        /// again by itself, and a hint that only makes a question to a provider sooner.
        private static let elsewhere = ["ping", "secret_file", "moderation_picture_key", "callback_put_back", "notify_submits"]
        /// An operator's commands that change something, with the statements that they bring. `#` is a number of its own,
        /// `CODE` and `OPEN` a code and the number of another, `TASK` a task that waits, `VERSION` a price to come, `KEY` a
        /// key, `SHEET` a price list, `WORD` a rule of the word list, and `ROUTE` the operation of a route.
        private static let commands: [(line: String, effects: [String])] = [
            (
                "credits grant --account acme --amount 1",
                ["begin", "commit", "admin_lock", "admin_replay", "wallet_find", "grant_credits", "audit", "admin_remember"]
            ),
            ("key issue --account acme --name key-#", ["key_insert", "commit"]),
            ("account create account-# --group default", ["account_create", "commit"]),
            ("group create group-#", ["group_create"]), ("group update default --weight 2", ["group_update"]),
            ("price set --group default --model z-image-turbo --amount 0.#", ["price_set"]),
            ("account suspend acme", ["account_suspend"]), ("account move acme --group default", ["account_move"]),
            ("key revoke 1", ["key_revoke"]),
            ("key update 1 --rpm 1000#", ["key_update", "commit"]),
            ("key rotate KEY", ["key_rotate", "commit"]),
            ("credits adjust --account acme --amount -0.000001 --reason test", ["adjust_credits", "commit"]),
            ("credits code create --amount 1", ["code_make"]),
            ("credits code redeem CODE --account acme", ["code_redeem", "commit"]),
            ("credits code withdraw OPEN", ["code_withdraw"]),
            (
                "quota set --account acme --daily 1000.#",
                ["quota_subject", "quota_find", "time_zone_known", "quota_set", "commit"]
            ),
            ("limit set --account acme --rpm 1000#", ["limit_find", "limit_set", "commit"]),
            ("task cancel TASK", ["cancel_tasks", "commit"]), ("task retry TASK", ["task_lease", "commit"]),
            (
                "moderation word add word# --category sexual --level strict",
                ["moderation_lock", "moderation_count", "moderation_add", "commit"]
            ),
            ("moderation word remove WORD", ["moderation_remove"]),
            (
                "provider add provider-# --kind novita --base-url https://api.example.com --no-secret --model z-image-turbo",
                ["provider_lock", "provider_counts", "provider_add", "provider_models", "commit"]
            ),
            ("provider update fixed --rpm #", ["provider_find", "provider_update", "commit"]),
            ("route set --provider fixed --model z-image-turbo --group default --weight #", ["provider_group", "provider_route_set"]),
            ("route remove --provider fixed --model z-image-turbo --operation ROUTE", ["provider_route_remove"]),
            ("price withdraw VERSION", ["price_withdraw"]),
            ("price load SHEET --group default", ["price_lock", "price_models", "price_planned"]),
            ("callback redeliver 1", ["callback_redeliver", "commit"]),
            ("callback secret rotate --account acme", ["callback_secret_owner", "callback_secret_rotate"]),
        ]
        private static let migration = ["migration_record"]
        /// Of the reconciliation of an invoice, which `InvoiceTests` kills.
        private static let invoices = ["invoice_providers", "invoice_patience", "open_invoice", "close_invoice"]
        /// Of hosted providers, which `ProviderChainTests` kills.
        private static let providers = [
            "provider_submit", "provider_poll", "provider_fetch", "provider_cancel", "provider_test",
            "begin_submit", "record_submit", "submits_of_task", "submits", "defer_task", "provider_health_tell",
        ]
        /// Only an operator's commands and the waits and lists of customers get to these, and only to read: dying there
        /// changes nothing.
        private static let reads = [
            "balance", "history", "price_list", "key_list", "group_list", "account_list", "task_list", "usage",
            "task_attempts", "task_changes", "task_page", "task_batch", "models_usable",
            "usage_known", "doctor_server", "wallets_equal_entries", "reserved_equals_live_tasks",
            "tasks_have_their_entries", "entries_have_their_tasks", "queue_equals_tasks", "counters_equal_tasks",
            "usage_equals_entries", "costs_equal_bills", "grants_equal_entries", "grants_equal_wallets", "draws_equal_tasks",
            "codes_equal_entries", "quotas_equal_tasks", "limits_equal_tasks",
            "limit_list", "keys_have_their_tasks", "callbacks_equal_tasks",
            "expiring_grants", "code_list", "quota_list", "invoice_run", "invoice_sums", "invoice_findings",
            "invoice_runs", "statement_session", "statement_owner", "statement_sums", "price_quote", "usage_backlog",
            "proof_patience", "tasks_equal_prices", "rollups_equal_usage", "callback_list", "callback_list_account",
            "callback_find", "callback_delivery_list",
            "moderation_today", "moderation_report", "audit_list", "audit_list_actor", "provider_routes", "provider_health",
            "provider_loads",
        ]

        @Test func aNodeMayDieAtEachOfItsPoints() async throws {
            try await Site.with { original in
                let listed = try await original.run("zserve", ["crash-points"])
                let points = listed.output.split(separator: "\n").map(String.init)
                let effects = Set(points.map { String($0.drop { $0 != " " }.dropFirst()) })
                let others = Set(
                    Self.commands.flatMap(\.effects) + Self.migration + Self.invoices + Self.providers + Self.elsewhere
                        + Self.reads)
                #expect(others.isSubset(of: effects), "no longer there: \(others.subtracting(effects))")
                let own = effects.subtracting(others).sorted()
                let twice = Self.doors.flatMap { ["before \($0):2", "after \($0):2"] }
                let key = try await CrashTemplate.make(original)
                let customer = try await CallbackLog()
                let listening = Task { await customer.listen() }
                defer { listening.cancel() }
                let failures = await together(8, twice + own.flatMap { ["before \($0)", "after \($0)"] }) { crashAt in
                    try await Site.with(copyOf: original) { site in
                        try await CrashTrial(crashAt: crashAt, site: site, key: key, customer: customer).run()
                    }
                }
                #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
            }
        }

        @Test func aNodeMayDieWhileItWatchesOverItsDatabase() async throws {
            try await Site.with(embedded: true) { site in
                for point in ["before ping", "after ping"] {
                    let node = try await Node.start(site, settings: ["ZIMAGE_CRASH_AT": point], mayDie: true)
                    #expect(await node.child.ending() == .killed(bySignal: SIGKILL))
                }
                try await expectService(site)
            }
        }

        @Test(arguments: ["before secret_file", "after secret_file"])
        func aNodeMayDieWhileItMakesItsSecret(point: String) async throws {
            try await Site.with { site in
                let node = try await Node.start(site, settings: ["ZIMAGE_CRASH_AT": point], mayDie: true)
                #expect(await node.child.ending() == .killed(bySignal: SIGKILL))
                try await expectService(site)
            }
        }

        /// A job from the account to the picture.
        private func expectService(_ site: Site) async throws {
            let node = try await Node.start(site, settings: ["ZIMAGE_SANDBOX_SECONDS": "0"])
            try await site.makeAccount("acme", credits: "1")
            let key = try await site.issueKey("acme")
            let id = try await node.submit(key).taskID()
            try await site.allEnded()
            #expect(try await node.task(id, key)["status"] as? String == "completed")
            try await site.expectCleanLedger()
        }

        @Test func aCommandMayDieAtEachOfItsPoints() async throws {
            try await Site.with { site in
                let given = try await objects(site)
                let before = try await counts(site)
                let trials = Self.commands.flatMap { line, effects in
                    effects.flatMap { [(line, "before \($0)"), (line, "after \($0)")] }
                }.enumerated().map { (number: $0.offset + 100, line: $0.element.0, point: $0.element.1) }
                try #require(trials.count <= given.codes.count)
                func forTrials<Value>(_ word: String, _ values: [Value]) -> [Int: Value] {
                    Dictionary(uniqueKeysWithValues: zip(trials.filter { $0.line.contains(word) }.map(\.number), values))
                }
                let tasks = forTrials("TASK", given.tasks)
                let versions = forTrials("VERSION", given.versions)
                let sheets = forTrials("SHEET", given.sheets)
                let keys = forTrials("KEY", given.keys)
                let words = forTrials("WORD", ["1", "2"])
                let routes = forTrials("ROUTE", ["generate", "edit"])
                let failures = await together(4, trials) { trial in
                    let line = trial.line.replacing("#", with: "\(trial.number)")
                        .replacing("CODE", with: given.codes[trial.number - 100])
                        .replacing("OPEN", with: "\(trial.number - 99)")
                        .replacing("TASK", with: tasks[trial.number] ?? "")
                        .replacing("VERSION", with: versions[trial.number] ?? "")
                        .replacing("KEY", with: keys[trial.number] ?? "")
                        .replacing("WORD", with: words[trial.number] ?? "")
                        .replacing("ROUTE", with: routes[trial.number] ?? "")
                        .replacing("SHEET", with: sheets[trial.number] ?? "") + " --idempotency-key trial-\(trial.number)"
                    let dead = try await site.zadmin(line, settings: ["ZIMAGE_CRASH_AT": trial.point])
                    guard dead.ending == .killed(bySignal: SIGKILL) else { throw TestFailure("\(dead)") }
                    try await site.mustRun(line)
                }
                #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
                func made(_ start: String) -> Int { trials.count { $0.line.hasPrefix(start) } }
                let expected = [
                    made("credits grant") + made("credits code redeem"), -made("credits adjust"), made("credits code create"),
                    made("credits code redeem"), made("credits code withdraw"), made("task cancel"),
                    made("key issue") + made("key rotate"),
                    made("account create"), made("group create"), made("price set") + made("price load"), trials.count,
                    trials.count, made("provider add"), made("provider add") + 1 - made("route remove"),
                ]
                #expect(try await zip(counts(site), before).map { $0 - $1 } == expected)
                try await site.expectCleanLedger()
            }
        }

        private struct Objects {
            var codes: [String] = []
            var tasks: [String] = []
            var versions: [String] = []
            var sheets: [String] = []
            var keys: [String] = []
        }

        /// An account with a key, credits and codes, tasks that wait, prices to come, and price lists of a scope each.
        private func objects(_ site: Site) async throws -> Objects {
            var objects = Objects()
            try await site.makeAccount("acme", credits: "1")
            let key = try await site.issueKey("acme")
            let made = try await site.mustRun("credits code create --amount 1 --count 200")
            objects.codes = made.output.split(separator: "\n").filter { $0.hasPrefix("ZC-") }.map(String.init)
            let node = try await Node.start(site, roles: "api")
            for _ in 0..<8 { objects.tasks.append(try await node.submit(key).taskID()) }
            let called = try await node.submit(key, body: Node.body.dropLast() + #","callback_url":"https://example.com/"}"#)
            try await site.mustRun("task cancel \(called.taskID())")
            #expect(await node.stop() == .exited(0))
            for _ in 0..<4 {
                let issued = try await site.mustRun("key issue --account acme --json").object()
                objects.keys.append("\(try #require(issued["id"] as? Int))")
            }
            for day in 1...2 {
                let set = "price set --group default --model z-image-turbo --amount 1 --from 2099-01-0\(day) --json"
                objects.versions.append("\(try #require(try await site.mustRun(set).object()["id"] as? Int))")
            }
            try await site.mustRun("provider add fixed --kind novita --base-url https://api.example.com --no-secret")
            for operation in ["generate", "edit"] {
                try await site.mustRun("route set --provider fixed --model z-image-turbo --operation \(operation)")
            }
            for scope in ["generate,standard", "generate,large", "edit,", "edit,standard", "edit,large", "inpaint,"] {
                let path = "\(site.folder)/\(objects.sheets.count).csv"
                let head = "model,operation,size_tier,rule,amount,units_max,from,until"
                try Data("\(head)\nz-image-turbo,\(scope),per_call,1,1,2099-06-01,\n".utf8).write(to: URL(fileURLWithPath: path))
                objects.sheets.append(path)
            }
            return objects
        }

        /// Granted live credits, corrections in micro-credits, codes made, redeemed and withdrawn, cancelled tasks, keys,
        /// accounts, groups, prices, lines in the audit log, remembered commands, providers and routes.
        private func counts(_ site: Site) async throws -> [Int] {
            try await site.rows(
                """
                select (select sum(granted) / 1000000 from wallets where mode = 'live'), (select sum(adjusted) from wallets),
                    (select count(*) from redemption_codes), (select count(redeemed_at) from redemption_codes),
                    (select count(withdrawn_at) from redemption_codes),
                    (select count(*) from tasks where state = 'cancelled'), (select count(*) from api_keys),
                    (select count(*) from accounts), (select count(*) from user_groups), (select count(*) from prices),
                    (select count(*) from audit_log), (select count(*) from admin_requests),
                    (select count(*) from providers), (select count(*) from provider_routes)
                """)[0].map { $0.flatMap { Int($0.prefix { $0 != "." }) } ?? 0 }
        }

        @Test func aMigrationMayDieAtEachOfItsPoints() async throws {
            try await Site.with { site in
                let migrated = try await schema(site)
                _ = try await site.rows("drop schema public cascade; create schema public")
                for point in ["begin", "migration_record", "commit"].flatMap({ ["before \($0)", "after \($0)", "after \($0):2"] }) {
                    let dead = try await site.zadmin("migrate", settings: ["ZIMAGE_CRASH_AT": point])
                    #expect(dead.ending == .killed(bySignal: SIGKILL), "\(point): \(dead)")
                }
                try await site.mustRun("migrate")
                #expect(try await schema(site) == migrated)
                try await expectService(site)
            }
        }

        private func schema(_ site: Site) async throws -> [[String?]] {
            try await site.rows(
                """
                select name, checksum from schema_migrations union all
                select table_name || '.' || column_name, data_type from information_schema.columns
                where table_schema = 'public' order by 1, 2
                """)
        }
    }
}
