import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    @Suite struct ModerationTests {
        private func body(_ prompt: String) -> String { #"{"model":"z-image-turbo","prompt":"\#(prompt)","size":"376x376"}"# }

        @Test func anOperatorsListReachesARunningNodeAndIsToldToNobody() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let node = try await Node.start(site, settings: ["ZIMAGE_LOG_LEVEL": "trace"])
                #expect(try await node.submit(key, body: body("a zyxgloop")).status == 200)

                let line = "moderation word add zyxgloop --category hate --level basic --reason test --json"
                let added = try await site.mustRun(line).object()
                let id = try #require(added["id"] as? Int)
                #expect(added["category"] as? String == "hate" && added["level"] as? String == "basic")
                var answers: [String] = []
                try await eventually("the node knows the word") {
                    let reply = try await node.submit(key, body: body("a z.y.x.g.l.o.o.p"))
                    answers.append(reply.text)
                    return reply.status == 400
                }
                #expect(try #require(answers.last).contains("content_policy_violation"))
                #expect(try await site.mustRun("moderation word list --category hate").output.contains("zyxgloop"))

                try await eventually("the refusal is counted") { try await site.mustRun("moderation report --json").output != "[]\n" }
                let report = try #require(try await site.mustRun("moderation report --json --account acme").json() as? [[String: Any]])
                #expect(report.count == 1 && report[0]["category"] as? String == "hate" && report[0]["account"] as? String == "acme")
                let keys = try #require(try await site.mustRun("key list --json").json() as? [[String: Any]])
                #expect(keys[0]["refused_today"] as? Int == report[0]["refused"] as? Int)

                try await site.mustRun("moderation word remove \(id) --reason test")
                try await eventually("the node forgets the word") { try await node.submit(key, body: body("a zyxgloop")).status == 200 }
                try await site.allEnded()
                #expect(await node.stop() == .exited(0))
                let told = try String(contentsOfFile: "\(node.log).out", encoding: .utf8)
                    + String(contentsOfFile: "\(node.log).err", encoding: .utf8) + answers.joined()
                    + (try await site.rows("select string_agg(l::text, ' ') from audit_log l")[0][0] ?? "")
                #expect(!told.contains("zyxgloop"))
                #expect(try await site.number("select count(*) from audit_log where command like 'moderation word%'") == 2)
                try await site.expectCleanLedger()
            }
        }

        @Test func wrongArgumentsAreRefusedWithAdvice() async throws {
            try await Site.with { site in
                let table: [(line: String, advice: String)] = [
                    ("moderation word add a --category hate --level basic", "two letters"),
                    ("moderation word add a*bc --category hate --level basic", "star"),
                    ("moderation word add abc --category rude --level basic", "harassment"),
                    ("moderation word add abc --category hate --level soft", "strict"),
                    ("moderation word add abc+def --category hate --level allowed", "no parts"),
                    ("moderation word add abc --category hate", "--level"), ("moderation word remove 999999", "moderation word list"),
                    ("moderation word remove abc", "--help"), ("moderation word list --category rude", "harassment"),
                    ("moderation report --days 0", "1 to 366"), ("moderation report --account nobody", "zadmin account list"),
                ]
                for (line, advice) in table {
                    let outcome = try await site.zadmin(line)
                    #expect(!outcome.isSuccess && outcome.error.contains(advice), "\(line): \(outcome.error)")
                }
                let add = "moderation word add abc --category hate --level basic"
                try await site.mustRun("\(add) --idempotency-key k")
                try await site.mustRun("\(add) --idempotency-key k")
                #expect(try await site.zadmin(add).error.contains("already"))
                #expect(try await site.number("select count(*) from moderation_words where not built_in") == 1)
            }
        }

        @Test(arguments: [
            ("ZIMAGE_MODERATION_URL", "api.openai.com", "https://"), ("ZIMAGE_MODERATION_BASIC", "sexual=2", "sexual=0.9"),
            ("ZIMAGE_MODERATION_STRICT", "nudity=0.5", "violence/graphic"), ("ZIMAGE_MODERATION_TIMEOUT_SECONDS", "0", "0.1 to 60"),
            ("ZIMAGE_MODERATION_GUARD_KIND", "moderations", "qwen3guard"),
        ])
        func aFaultySettingIsNamed(name: String, value: String, advice: String) async throws {
            try await Site.with { site in
                let outcome = try await site.run("zserve", ["config"], settings: [name: value])
                #expect(!outcome.isSuccess && outcome.error.contains(name) && outcome.error.contains(advice), "\(outcome.error)")
            }
        }

        @Test func aNodeAsksTheCheckerThatItsSettingsName() async throws {
            let fake = try await FakeModerator()
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let key = try await site.issueKey("acme")
                let node = try await Node.start(
                    site,
                    settings: [
                        "ZIMAGE_MODERATION_URL": fake.url("/text/sexual=0.95"), "ZIMAGE_EGRESS_ALLOW": "127.0.0.1/32:\(fake.port)",
                        "ZIMAGE_MODERATION_KEY": "sk-secret",
                    ])
                let reply = try await node.submit(key, body: body("a cat"))
                #expect(reply.status == 400 && reply.text.contains(#""category":"sexual""#))
                #expect(try await fake.nextSeen().headers["authorization"] == "Bearer sk-secret")
                let config = try await site.run("zserve", ["config"], settings: ["ZIMAGE_MODERATION_KEY": "sk-secret"])
                #expect(config.isSuccess && !config.output.contains("sk-secret"))
                #expect(await node.stop() == .exited(0))
            }
        }
    }
}
