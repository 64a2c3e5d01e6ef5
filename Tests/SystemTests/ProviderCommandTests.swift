import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// What an operator sees of providers and routes.
    @Suite struct ProviderCommandTests {
        private let hosted = "provider add novita-1 --kind novita --base-url https://api.example.com/ --model z-image-turbo=z-1 "
            + "--cost 0.0042 --currency USD --max-running 10"
        private let engine = "provider add gpu-1 --kind openai-images --engine sglang --base-url http://127.0.0.1:9 --allow-private "
            + "--no-secret"

        private func audited(_ site: Site) async throws -> String {
            try await site.rows(
                """
                select string_agg(l::text, ' ') || ' ' || (select string_agg(r::text, ' ') from admin_requests r)
                    || ' ' || (select string_agg(p::text, ' ') from providers p)
                from audit_log l
                """)[0][0] ?? ""
        }

        private func registry(_ site: Site) async throws -> [[String?]] {
            try await site.rows(
                "select p::text, r::text, (select epoch from provider_epoch) from providers p, provider_routes r")
        }

        @Test func aProviderIsAddedShownChangedAndItsSecretIsToldToNobody() async throws {
            try await Site.with { site in
                let line = "\(hosted) --reason test --idempotency-key k1"
                let added = try await site.mustRun(line, input: "sk-very-secret\n")
                #expect(added.output.contains("zadmin provider test novita-1"))
                let again = try await site.mustRun(line, input: "sk-very-secret\n")
                #expect(again.output.contains("nothing changed now"))
                let other = try await site.zadmin(line, input: "sk-other\n")
                #expect(!other.isSuccess && other.error.contains("idempotency key"), "the secret is compared: \(other.error)")

                let json = try await site.mustRun("provider show novita-1 --json").object()
                #expect(json["kind"] as? String == "novita" && json["base_url"] as? String == "https://api.example.com")
                #expect(json["secret"] as? String == "set" && json["cost"] as? String == "0.0042" && json["currency"] as? String == "USD")
                #expect(json["max_running"] as? Int == 10 && json["rpm"] is NSNull && json["enabled"] as? Bool == true)
                #expect(json["timeout_seconds"] as? Int == 60 && json["deadline_seconds"] as? Int == 600)
                let routes = try #require(json["routes"] as? [[String: Any]])
                #expect(routes.count == 1 && routes[0]["upstream_model"] as? String == "z-1" && routes[0]["group"] is NSNull)

                try await site.mustRun("\(engine) --reason test")
                try await site.mustRun("provider update novita-1 --rpm 60 --max-running none --cost none --reason test")
                try await site.mustRun("provider secret novita-1 --reason leak", input: "  sk-newer-secret  \r\n")
                try await site.mustRun("provider disable gpu-1 --reason test")
                let shown = try await site.mustRun("provider show novita-1").output
                for text in ["novita-1 (novita)", "enabled", "set", "no limit", "60", "z-1"] { #expect(shown.contains(text), "\(shown)") }
                let list = try await site.mustRun("provider list").output
                for text in ["gpu-1", "openai-images/sglang", "disabled", "none", "novita-1", "z-image-turbo"] {
                    #expect(list.contains(text), "\(list)")
                }
                let rows = try #require(try await site.mustRun("provider list --json").json() as? [[String: Any]])
                #expect(rows.map { $0["name"] as? String } == ["gpu-1", "novita-1"])
                #expect(rows[0]["enabled"] as? Bool == false && rows[0]["timeout_seconds"] as? Int == 300)
                #expect(rows[1]["cost"] is NSNull && rows[1]["rpm"] as? Int == 60 && rows[1]["max_running"] is NSNull)
                try await site.mustRun("provider enable gpu-1 --reason test")
                try await site.mustRun("provider update novita-1 --no-secret --reason test")
                #expect(try await site.mustRun("provider show novita-1 --json").object()["secret"] as? String == "none")

                let told = try await audited(site) + shown + list + added.output + other.error
                #expect(!told.contains("very-secret") && !told.contains("newer-secret"))
                #expect(try await site.number("select count(*) from audit_log where command like 'provider %'") == 7)
                #expect(try await site.number("select count(*) from audit_log where command = 'provider secret' and reason = 'leak'") == 1)
                #expect(try await site.mustRun("doctor").output.contains("2 of 2 enabled"))
            }
        }

        @Test func routesAreSetListedAndRemoved() async throws {
            try await Site.with { site in
                try await site.mustRun(hosted, input: "sk\n")
                try await site.mustRun(engine)
                try await site.mustRun("group create vip")
                let set = "route set --provider gpu-1 --model z-image-turbo"
                try await site.mustRun("\(set) --priority 2 --reason test")
                let own = try await site.mustRun("\(set) --group vip --operation edit --upstream Tongyi/z --weight 5 --json").object()
                #expect(own["group"] as? String == "vip" && own["operation"] as? String == "edit" && own["weight"] as? Int == 5)
                let changed = try await site.mustRun("\(set) --weight 9 --json").object()
                #expect(changed["priority"] as? Int == 2 && changed["weight"] as? Int == 9, "what is not named stays")
                let list = try #require(try await site.mustRun("route list --json").json() as? [[String: Any]])
                #expect(list.map { $0["provider"] as? String } == ["gpu-1", "novita-1", "gpu-1"])
                #expect(list.map { $0["priority"] as? Int } == [1, 1, 2])
                let table = try await site.mustRun("route list --provider gpu-1 --model z-image-turbo").output
                #expect(table.contains("Tongyi/z") && table.contains("vip") && !table.contains("novita-1"))
                let remove = "route remove --provider gpu-1 --model z-image-turbo --reason test"
                #expect(try await site.mustRun(remove).output.contains("no longer serves"))
                let missing = try await site.zadmin(remove)
                #expect(!missing.isSuccess && missing.error.contains("zadmin route list"))
                #expect(try await site.number("select count(*) from provider_routes") == 2)
                #expect(try await site.number("select count(*) from audit_log where command like 'route %'") == 4)
            }
        }

        @Test func whichProviderServesARequestIsExplained() async throws {
            try await Site.with { site in
                #expect(try await site.mustRun("provider explain --model z-image-turbo").output.contains("sandbox"))
                try await site.mustRun(hosted, input: "sk\n")
                try await site.mustRun("\(engine) --model z-image-turbo --priority 2 --operation generate")
                let explain = "provider explain --model z-image-turbo"
                let first = try await site.mustRun(explain).output
                #expect(first.contains("novita-1 gets the request, as z-1") && first.contains("lower priority"), "\(first)")
                #expect(first.contains("0.0042 USD") && first.contains("No node works at present"))
                // What the limits count is told too.
                _ = try await site.rows("insert into provider_gates select id, 9e18::bigint from providers where name = 'novita-1'")
                try await site.mustRun("provider update novita-1 --rpm 60")
                #expect(try await site.mustRun(explain).output.contains("its 60 requests a minute are used up"))
                #expect(try await site.mustRun("provider show novita-1").output.contains("60, used up at present"))
                try await site.mustRun("provider update novita-1 --rpm none")
                try await site.mustRun("provider disable novita-1")
                let second = try await site.mustRun("\(explain) --json").object()
                #expect(second["decision"] as? String == "provider" && second["provider"] as? String == "gpu-1")
                let reasons = try #require(second["providers"] as? [[String: Any]])
                #expect(reasons.map { $0["answer"] as? String } == ["chosen", "not"])
                #expect(reasons.last?["why"] as? String == "disabled")
                try await site.mustRun("provider disable gpu-1")
                #expect(try await site.mustRun(explain).output.contains("waits"))
                #expect(try await site.mustRun("\(explain) --size 16:9 --json").object()["decision"] as? String == "wait")
            }
        }

        @Test func aTestOfAnAddressWhereNobodyIsSaysWhatIsWrong() async throws {
            try await Site.with { site in
                try await site.mustRun(engine)
                let bare = try await site.zadmin("provider test gpu-1")
                #expect(!bare.isSuccess && bare.error.contains("--model") && bare.error.contains("zadmin route set --provider gpu-1"))
                let tested = try await site.zadmin("provider test gpu-1 --model z-image-turbo")
                #expect(tested.ending == .exited(1) && tested.output.contains("TROUBLE"), "\(tested)")
                let json = try await site.zadmin("provider test gpu-1 --model z-image-turbo --json")
                #expect(json.ending == .exited(1))
                #expect(try json.object()["ok"] as? Bool == false)
            }
        }

        @Test func aSecretThatDoesNotOpenIsSaidEverywhere() async throws {
            try await Site.with { site in
                try await site.mustRun(hosted, input: "sk\n")
                _ = try await site.rows("update providers set sealed_secret = '\\x00'")
                #expect(try await site.mustRun("provider list").output.contains("UNUSABLE"))
                #expect(try await site.mustRun("provider show novita-1").output.contains("zadmin provider secret novita-1"))
                #expect(try await site.mustRun("provider explain --model z-image-turbo").output.contains("waits"))
                let tested = try await site.zadmin("provider test novita-1")
                #expect(!tested.isSuccess && tested.error.contains("zadmin provider secret novita-1"))
                let doctor = try await site.zadmin("doctor")
                #expect(doctor.ending == .exited(1) && doctor.output.contains("zadmin provider secret novita-1"))
                try await site.mustRun("provider secret novita-1", input: "sk-new")
                #expect(try await site.mustRun("doctor").output.contains("1 of 1 enabled"))
            }
        }

        @Test func wrongArgumentsAreRefusedWithAdviceAndChangeNothing() async throws {
            try await Site.with { site in
                try await site.mustRun(hosted, input: "sk\n")
                let before = try await registry(site)
                let add = "provider add x --no-secret --kind novita --base-url"
                let good = "\(add) https://api.example.com"
                let update = "provider update novita-1"
                let table: [(line: String, advice: String)] = [
                    ("provider add x --kind novitaa --base-url https://a.example --no-secret", "did you mean novita?"),
                    ("provider add x --kind novita --no-secret", "--base-url"), ("\(add) api.example.com", "https://"),
                    ("\(add) https://api.example.com/v1", "write https://api.example.com"), ("\(add) https://a@b.example", "user name"),
                    ("\(add) https://api.example.com?x", "?"), ("\(add) https://10.0.0.5", "--allow-private"),
                    ("\(add) http://127.0.0.1:8000", "--allow-private"), ("\(add) http://api.example.com", "in the clear"),
                    ("\(good) --engine sglang", "leave it out"), ("\(good) --cost 0.004", "--currency"),
                    ("\(good) --currency USD", "--cost"), ("\(good) --cost 1.5e3 --currency USD", "decimal"),
                    ("\(good) --cost -1 --currency USD", "decimal"), ("\(good) --cost 1 --currency usd", "three capital letters"),
                    ("\(good) --model flux", "z-image-turbo"), ("\(good) --model =x", "ITS-OWN-NAME"),
                    ("\(good) --model z-image-turbo --group nobody", "zadmin group list"),
                    ("\(good) --model z-image-turbo --operation draw", "inpaint"), ("\(good) --weight 2", "name a model"),
                    ("\(good) --model z-image-turbo --weight 0", "1 to 1000"), ("\(good) --max-running 0", "none"),
                    ("\(good) --rpm -1", "none"), ("\(good) --timeout-seconds 0", "1 to 3600"),
                    ("\(good) --timeout-seconds 900", "--deadline-seconds"), ("\(good) --deadline-seconds 90000", "86400"),
                    ("provider add sandbox --kind novita --base-url https://a.example --no-secret", "built-in"),
                    ("provider add A_B --kind novita --base-url https://a.example --no-secret", "lower-case"),
                    ("provider add novita-1 --kind novita --base-url https://a.example --no-secret", "provider update novita-1"),
                    ("provider add x --kind openai-images --base-url https://a.example --no-secret", "vllm-omni"),
                    ("provider add x --kind openai-images --engine triton --base-url https://a.example --no-secret", "sglang"),
                    (update, "say what to change"), ("\(update) --base-url http://10.0.0.1", "--allow-private"),
                    ("\(update) --engine sglang", "leave it out"), ("\(update) --timeout-seconds 700", "--deadline-seconds"),
                    ("provider update nobody --rpm 1", "zadmin provider list"), ("provider show nobody", "zadmin provider list"),
                    ("provider disable nobody", "zadmin provider list"), ("provider test nobody", "zadmin provider list"),
                    ("route set --provider nobody --model z-image-turbo", "zadmin provider list"),
                    ("route set --provider novita-1 --model flux", "there are z-image-turbo"),
                    ("route set --provider novita-1 --model z-image-turbo --group nobody", "zadmin group list"),
                    ("route set --provider novita-1 --model z-image-turbo --priority 1001", "1 to 1000"),
                    ("route remove --provider novita-1 --model z-image-turbo --operation edit", "zadmin route list"),
                    ("route list --provider nobody", "zadmin provider list"),
                    ("provider explain --model z-image-turbo --group nobody", "zadmin group list"),
                    ("provider explain --model z-image-turbo --size big", "1024x1024"),
                    ("provider explain --model flux", "z-image-turbo"),
                ]
                for (line, advice) in table {
                    let outcome = try await site.zadmin(line)
                    #expect(!outcome.isSuccess && outcome.error.contains(advice), "\(line): \(outcome.error)\(outcome.output)")
                }
                #expect(try await registry(site) == before)
            }
        }

        @Test(arguments: [
            (nil, "--no-secret"), ("", "--no-secret"), ("  \n", "--no-secret"), ("sk a\n", "one line"), ("a\nb\n", "one line"),
            ("sk-\u{e9}\n", "one line"), (String(repeating: "x", count: 5000), "4096"),
        ] as [(String?, String)])
        func aSecretThatCannotBeOneIsRefused(input: String?, advice: String) async throws {
            try await Site.with { site in
                let outcome = try await site.zadmin(hosted, input: input)
                #expect(!outcome.isSuccess && outcome.error.contains(advice), "\(outcome.error)")
                #expect(try await site.number("select count(*) from providers") == 0)
            }
        }
    }
}
