import Curl
import Foundation
import Postgres
import TestSupport
import Testing

/// One node that dies at one point while it has work of every kind, another that goes on from there, and the proof that
/// nothing was lost and nothing charged twice.
struct CrashTrial: Sendable {
    /// What ZIMAGE_CRASH_AT says.
    let crashAt: String
    let site: Site
    let key: String
    let customer: CallbackLog

    /// Short enough for a test; a job takes longer than a heartbeat, so that leases are renewed.
    static let settings = [
        "ZIMAGE_SANDBOX_SECONDS": "1", "ZIMAGE_SANDBOX_FAILURE_PERCENT": "30", "ZIMAGE_LEASE_SECONDS": "3",
        "ZIMAGE_DATABASE_CONNECTIONS": "4",
    ]
    /// With the share of failures above, the sandbox draws the first two and fails the third.
    private static let orders = ["a cat", "a dog", "a hen"]
    private static let price = 26_000

    private var point: Substring { crashAt.prefix { $0 != ":" } }
    private var effect: Substring { point.drop { $0 != " " }.dropFirst() }
    /// Names this trial on the customer's side.
    private var name: String { String(site.folder.suffix(36)) }

    /// Runs the trial; what is wrong is thrown.
    func run() async throws {
        try await preparePast()
        let promised = try await die()
        try await passTime()
        let next = try await Node.start(site, settings: try await settings())
        var ids: [String: String] = [:]
        for order in Self.orders { ids[order] = try await insist(next, order) }
        for (order, id) in promised { try require(ids[order] == id, "'\(order)' was promised as \(id)") }
        try await allDone()
        try await check(next, Array(ids.values))
        try await checkMoney()
        try await checkCallbacks()
        try require(await next.stop() == .exited(0), "the next node stops")
    }

    private func settings() async throws -> [String: String] {
        Self.settings.merging(await customer.settings) { $1 }
    }

    private func require(_ fact: Bool, _ what: String) throws {
        guard fact else { throw TestFailure("not so: \(what)") }
    }

    /// The copied tasks of a dead node call this trial's customer; a partition is missing and an old picture is left, so
    /// that housekeeping has something to do.
    private func preparePast() async throws {
        _ = try await site.rows("update tasks set callback_url = '\(await customer.url("/200/\(name)/"))' || id")
        let month = try await site.rows("select to_char(now() at time zone 'UTC' + interval '1 month', 'YYYYMM')")[0][0]
        _ = try await site.rows("drop table usage_facts_\(try #require(month))")
        let hour = "\(site.folder)/images/400000"
        try FileManager.default.createDirectory(atPath: hour, withIntermediateDirectories: true)
        try Data([1]).write(to: URL(fileURLWithPath: "\(hour)/1-0.webp"))
    }

    // MARK: the death

    /// Gives a node work until it dies at the point; returns the ids that it promised before.
    private func die() async throws -> [String: String] {
        var armed = try await settings()
        armed["ZIMAGE_CRASH_AT"] = crashAt
        if effect == "return_tasks" {
            armed.merge(["ZIMAGE_SANDBOX_SECONDS": "3600", "ZIMAGE_GRACE_SECONDS": "0"]) { $1 }
        }
        // Only a task that has a picture can have one to remove.
        if effect == "image_delete" { armed["ZIMAGE_SANDBOX_FAILURE_PERCENT"] = "0" }
        let node = try await Node.start(site, settings: armed, mayDie: true)
        var promised: [String: String] = [:]
        let refused = #"{"model":"z-image-turbo","prompt":"lolicon"}"#
        _ = try? await node.submit(key, body: refused, idempotencyKey: "refused")
        for order in Self.orders {
            guard let reply = try? await submit(node, order) else { continue }
            if reply.status == 200 { promised[order] = try reply.taskID() }
        }
        if let id = promised.first?.value { _ = try? await node.send("GET", "/v1/tasks/\(id)", key: key) }
        if effect == "return_tasks" { try await askToStop(node) }
        if effect == "image_delete" { try await takeLeaseAway(node) }
        let advice = "give CrashTrial a way there, or name the point in CrashPointTests"
        try await eventually("zserve gets to '\(crashAt)': \(advice)", withinSeconds: 45) { !node.child.isRunning }
        let ending = await node.child.ending()
        try require(ending == .killed(bySignal: SIGKILL), "the death is a kill, not \(ending)")
        return promised
    }

    private func submit(_ node: Node, _ order: String) async throws -> TransferResponse {
        let path = order == "a dog" ? "/200/fails-once/\(name)/dog" : "/200/\(name)/\(order.suffix(3))"
        var start = #"{"model":"z-image-turbo","prompt":"\#(order)","size":"376x376","seed":7"#
        // One task starts from a picture, which the worker fetches.
        if order == "a cat" { start += #","image_url":"\#(try await customer.pictureURL())""# }
        let body = #"\#(start),"callback_url":"\#(await customer.url(path))"}"#
        return try await node.submit(key, body: body, idempotencyKey: String(order.suffix(3)))
    }

    /// As a careful client does.
    private func insist(_ node: Node, _ order: String) async throws -> String {
        let reply = try await submit(node, order)
        try require(reply.status == 200, "a repeated submit is answered: \(reply.text)")
        return try reply.taskID()
    }

    private func askToStop(_ node: Node) async throws {
        try await taskRuns()
        node.child.send(SIGTERM)
    }

    private func taskRuns() async throws {
        try await eventually("a task runs") {
            try await site.number("select count(*) from leases where until > now()") > 0
        }
    }

    /// While an attempt waits to close its task, the task goes back to the queue, as if the node had been silent.
    private func takeLeaseAway(_ node: Node) async throws {
        try await taskRuns()
        let owner = try await site.connect()
        _ = try await owner.runText("set idle_in_transaction_session_timeout = 0; begin; select from wallets for update")
        try await eventually("an attempt waits to close its task") {
            try await site.number(
                """
                select count(*) from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock' and query like '%close_tasks%'
                """) > 0
        }
        _ = try await owner.runText("select return_tasks(array(select lease from leases), 'handed_back'); commit")
    }

    // MARK: the proof

    /// What a dead node had taken is free again after its lease of 3 s, or half a minute for a callback; this does not wait
    /// for it.
    private func passTime() async throws {
        let late = try await site.number(
            """
            select (select count(*) from leases where until > now() + interval '3 seconds')
                + (select count(*) from callbacks where state = 'waiting' and next_at > now() + interval '30 seconds')
            """)
        try require(late == 0, "what a dead node had taken is free again in time")
        _ = try await site.rows(
            """
            update leases set until = now() - interval '1 millisecond';
            update callbacks set next_at = now() where state = 'waiting'
            """)
    }

    private func allDone() async throws {
        try await eventually("the end of all tasks and callbacks", withinSeconds: 60) {
            try await site.number(
                """
                select (select count(*) from tasks where finished_at is null)
                    + (select count(*) from callbacks where state = 'waiting')
                """) == 0
        }
    }

    /// As the customer sees it: each task is final, and a completed one has its picture.
    private func check(_ node: Node, _ ids: [String]) async throws {
        try require(Set(ids).count == Self.orders.count, "each key has a task of its own")
        for id in ids {
            let task = try await node.task(id, key)
            let status = task["status"] as? String
            try require(status == "completed" || status == "failed", "\(id) is final, not \(status ?? "-")")
            guard status == "completed" else { continue }
            let link = try #require((task["results"] as? [String])?.first)
            let picture = try await node.send("GET", String(link.drop { $0 != "/" }.dropFirst(2).drop { $0 != "/" }))
            try require(picture.status == 200, "the picture of \(id) is there")
        }
    }

    private func checkMoney() async throws {
        let past = CrashTemplate.taskCount
        let row = try await site.rows(
            """
            select (select count(*) from tasks), (select count(*) from idempotency),
                (select count(*) from tasks t where 1 <> (
                    select count(*) from entries e where e.task_id = t.id and e.kind in ('settle', 'refund'))),
                w.granted - w.available - \(Self.price) * (select count(*) from tasks where state = 'completed'),
                w.reserved, (select count(*) from tasks where state = 'completed') > 0,
                (select count(*) from tasks where state = 'failed') > 0
            from wallets w where w.id = (select min(wallet_id) from tasks)
            """)
        let expected = ["\(past + Self.orders.count)", "\(past + Self.orders.count)", "0", "0", "0", "t", "t"]
        try require(row == [expected], "tasks, keys, tasks not ended once, credits off, reserved: \(row)")
        let proof = try await site.zadmin("reconcile ledger")
        try require(proof.isSuccess, "the ledger is clean: \(proof.output)\(proof.error)")
    }

    private func checkCallbacks() async throws {
        let rows = try await site.rows("select c.id, c.url, c.state from tasks t left join callbacks c on c.task_id = t.id")
        for row in rows {
            let url = try #require(row[1], "each task has its callback")
            try require(row[2] == "delivered", "\(url) is delivered")
            let path = String(url.drop { $0 != "/" }.dropFirst(2).drop { $0 != "/" })
            let calls = await customer.calls(to: path)
            try require(!calls.isEmpty, "the customer heard of \(path)")
            let ids = Set(calls.map { $0.headers["webhook-id"] })
            try require(ids == ["callback-\(row[0] ?? "")"], "one id for all deliveries of \(path): \(ids)")
        }
    }
}
