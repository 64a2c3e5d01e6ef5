import Curl
import TestSupport
import Testing

/// What every trial starts from: an account with a key and credits, and tasks of a node that died long ago. One of them
/// has taken down its worker as often as is allowed.
enum CrashTemplate {
    static let taskCount = 3

    /// Makes it in a new installation; returns the key.
    static func make(_ site: Site) async throws -> String {
        try await site.makeAccount("acme", credits: "10")
        // Some of the credits have a date, and there is a cap, so that every ending has something to give back to.
        try await site.mustRun("credits grant --account acme --amount 0.03 --expires 2099-12-31")
        try await site.mustRun("quota set --account acme --daily 1000")
        // And limits that nobody gets to, so that every step counts.
        try await site.mustRun("limit set --account acme --rpm 100000 --max-running 1000 --max-pending 1000")
        let key = try await site.issueKey("acme")
        let node = try await Node.start(
            site, settings: CrashTrial.settings.merging(["ZIMAGE_SANDBOX_SECONDS": "3600"]) { $1 })
        for number in 1...taskCount {
            #expect(try await node.submit(key, idempotencyKey: "past-\(number)").status == 200)
        }
        try await eventually("all tasks run") { try await site.number("select count(*) from leases") == taskCount }
        await node.kill()
        _ = try await site.rows(
            """
            insert into attempts (task_id, number, lease, node, outcome, started_at)
            select l.task_id, n, -n, 'past', 'lost', now() from (select min(task_id) task_id from leases) l,
                generate_series(1, 4) n;
            update leases set until = now() - interval '1 second',
                attempt = case when task_id = (select min(task_id) from leases) then 5 else 1 end
            """)
        return key
    }
}
