import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Limits and keys over several real nodes.
    @Suite struct LimitTests {
        /// Submits many at once, in turn to each node, and counts the answers by status.
        private func statuses(_ count: Int, _ nodes: [Node], _ keys: [String]) async throws -> [Int: Int] {
            try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<count {
                    let (node, key) = (nodes[index % nodes.count], keys[index / nodes.count % keys.count])
                    group.addTask { try await node.submit(key).status }
                }
                return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
        }

        /// One request an hour and a burst: what is accepted is the burst, whoever asks where.
        @Test(arguments: [
            "--account acme --rpm 1 --burst 37", "--account acme --model z-image-turbo --rpm 1 --burst 37",
            "--group default --rpm 1 --burst 37", "--account acme --max-pending 37",
            "--group default --model z-image-turbo --max-pending 37",
        ])
        func aLimitIsExactWhenTwoNodesRace(limit: String) async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "100")
                let keys = [try await site.issueKey("acme"), try await site.issueKey("acme")]
                let nodes = [try await Node.start(site, roles: "api"), try await Node.start(site, roles: "api")]
                try await site.mustRun("limit set \(limit)")
                let before = try await site.number("select extract(epoch from clock_timestamp())::bigint")
                let counts = try await statuses(160, nodes, keys)
                // A request a minute comes back, if the machine is so slow.
                let minutes = (try await site.number("select extract(epoch from clock_timestamp())::bigint") - before) / 60
                let accepted = counts[200] ?? 0
                #expect((37...(37 + minutes)).contains(accepted) && counts[429] == 160 - accepted, "\(counts)")
                #expect(try await site.number("select count(*) from tasks") == accepted)
                if limit.hasPrefix("--account acme --rpm") {
                    try await eventually("each node tells the same of an account that has used all up") {
                        let heads = try await [
                            nodes[0].send("GET", "/v1/credits", key: keys[0]), nodes[1].send("GET", "/v1/credits", key: keys[1]),
                        ].map { $0.header("ratelimit") ?? "" }
                        return heads.allSatisfy { $0.hasPrefix(#""account";r=0;t="#) }
                    }
                }
                try await site.expectCleanLedger()
                for node in nodes { #expect(await node.stop() == .exited(0)) }
            }
        }

        /// Two nodes that work, with more hands than may run.
        @Test func neverDoMoreTasksRunThanMayWhileTwoNodesWork() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "100")
                let key = try await site.issueKey("acme")
                try await site.mustRun("limit set --account acme --max-running 3")
                // Who sees a fourth, writes it down.
                _ = try await site.rows(
                    """
                    create table seen (running int);
                    create function see() returns trigger language plpgsql security definer as $$
                    begin insert into seen select count(*) from public.leases; return null; end $$;
                    create trigger see after insert on leases for each statement execute function see()
                    """)
                let settings = ["ZIMAGE_SANDBOX_SECONDS": "0.02"]
                let nodes = [try await Node.start(site, settings: settings), try await Node.start(site, settings: settings)]
                #expect(try await statuses(60, nodes, [key]) == [200: 60])
                try await site.allEnded()
                #expect(try await site.number("select max(running) from seen") == 3)
                try await site.expectCleanLedger()
                for node in nodes { #expect(await node.stop() == .exited(0)) }
            }
        }

        @Test func aKeyIsUsedFromItsAddressesAloneAndAProxyIsBelievedOnlyWhereItIsTrusted() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let local = try await site.issueKey("acme", "--ip 127.0.0.0/8,::1")
                let office = try await site.issueKey("acme", "--ip 203.0.113.0/24")
                let direct = try await Node.start(site, roles: "api")
                let proxied = try await Node.start(site, roles: "api", settings: ["ZIMAGE_TRUSTED_PROXIES": "127.0.0.1,::1"])
                func status(_ node: Node, _ key: String, _ forwarded: String?) async throws -> Int {
                    try await node.send(
                        "GET", "/v1/credits", key: key, headers: forwarded.map { [("x-forwarded-for", $0)] } ?? []).status
                }
                #expect(try await status(direct, local, nil) == 200)
                #expect(try await status(direct, local, "203.0.113.9") == 200, "anybody can write the header")
                #expect(try await status(direct, office, nil) == 403)
                #expect(try await status(direct, office, "203.0.113.9") == 403)
                #expect(try await status(proxied, office, "203.0.113.9") == 200)
                #expect(try await status(proxied, office, "203.0.113.9, 198.51.100.1") == 403)
                #expect(try await status(proxied, office, "198.51.100.1, 203.0.113.9") == 200)
                #expect(try await status(proxied, office, "nonsense") == 403)
                #expect(try await status(proxied, local, "203.0.113.9") == 403)
                #expect(try await status(proxied, local, nil) == 200)
            }
        }

        @Test func aRotatedKeyAndItsSuccessorWorkOnARunningNodeAndTheLastUseIsShown() async throws {
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                let issued = try await site.mustRun("key issue --account acme --daily-credits 0.06 --json").object()
                let (id, old) = (try #require(issued["id"] as? Int), try #require(issued["key"] as? String))
                let node = try await Node.start(site, roles: "api")
                #expect(try await node.submit(old).status == 200)
                let line = "key rotate \(id) --overlap 24h --reason yearly --idempotency-key r1 --json"
                let rotated = try await site.mustRun(line).object()
                let again = try await site.mustRun(line).object()
                #expect(rotated["id"] as? Int == again["id"] as? Int && again["key"] is NSNull, "a key is shown once")
                let other = try await site.zadmin("key rotate \(id)")
                #expect(!other.isSuccess && other.error.contains("rotate the key"), "\(other.error)")
                let new = try #require(rotated["key"] as? String)
                for key in [old, new] { #expect(try await node.submit(key).status == 200) }
                #expect(try await node.submit(old).status == 402, "the old one's cap")
                #expect(try await node.submit(new).status == 200, "the new one's own")
                #expect(try await node.submit(new).status == 402)
                #expect(try await site.number("select count(*) from audit_log where command = 'key rotate' and reason = 'yearly'") == 1)
                try await eventually("the last use is written") {
                    let keys = try await site.mustRun("key list --account acme --json").json() as? [[String: Any]]
                    return keys?.count == 2 && keys?.allSatisfy { $0["last_used_at"] is String } == true
                }
                try await site.mustRun("key update \(try #require(rotated["id"] as? Int)) --scopes generate")
                try await eventually("the right to read is gone") {
                    try await node.send("GET", "/v1/credits", key: new).status == 403
                }
                try await site.expectCleanLedger()
            }
        }
    }
}
