import Callbacks
import Curl
import Domain
import Foundation
import Postgres
import Queue
import Reports
import TestSupport
import Testing

@testable import JobLife

/// Callbacks to a real https server of a customer.
@Suite(.timeLimit(.minutes(1))) struct AnnounceTests {
    private static func rendered(_ task: TaskView) -> [UInt8] {
        Array(#"{"id":\#(task.id.value),"status":"\#(task.state.rawValue)"}"#.utf8)
    }

    /// Closes one task that has a callback address.
    private func closedTask(_ database: TestDatabase, callbackURL: String) async throws -> TaskID {
        let tenant = try await Tenant.make(database)
        let id = try await admit(database, tenant.submission(callbackURL: callbackURL))
        let queue = TaskQueue(leaseSeconds: 60)
        let claimed = try await queue.claim(node: "a", limit: 1, afterWallet: 0, in: database.pool)
        let lease = try #require(claimed.first?.lease)
        let sql = "select count(*) from callbacks where task_id = \(id.value)"
        #expect(try await database.number(sql) == 0, "not before the task is final")
        let ending = Ending(lease: lease, outcome: .failed(code: "x", message: "x"), units: 0, provider: nil)
        _ = try await queue.close([ending], in: database.pool)
        return id
    }

    /// Announces until the test is over.
    private func announcing(
        _ database: TestDatabase, trusting customer: TLSCustomer, allow: String = "127.0.0.1/32:*",
        _ test: () async throws -> Void
    ) async throws {
        let rule = EgressRule(allowances: try EgressAllowance.parse(allow))
        let transfers = Transfers(inFlightMax: 4, waitingMax: 4)
        let announce = Announce(
            database.pool, sender: CallbackSender(transfers: transfers, egress: rule, caFile: customer.caFile),
            egress: rule, render: Self.rendered, logger: silent)
        let runner = Task { await announce.run() }
        announce.tasksClosed()
        let result: Result<Void, any Error>
        do { result = .success(try await test()) } catch { result = .failure(error) }
        runner.cancel()
        await runner.value
        await transfers.shutdown()
        try result.get()
    }

    @Test func theEndOfATaskIsAnnouncedOnce() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        let id = try await closedTask(database, callbackURL: customer.url("/204"))
        try await announcing(database, trusting: customer) {
            let seen = try await customer.nextSeen()
            #expect(seen.method == "POST" && seen.path == "/204")
            #expect(seen.body == #"{"id":\#(id.value),"status":"failed"}"#)
            #expect(seen.headers["content-type"] == "application/json")
            let number = try await database.number("select id from callbacks")
            #expect(seen.headers["webhook-id"] == "callback-\(number)")
            let sent = try #require(seen.headers["webhook-timestamp"].flatMap { Double($0) })
            #expect(abs(sent - Date().timeIntervalSince1970) < 60)
            try await eventually { try await database.number("select count(*) from callbacks where state = 'delivered'") == 1 }
            #expect(
                try await database.rows("select attempts, last_status, last_error from callbacks") == [["1", "204", nil]])
        }
    }

    @Test func aRefusalIsTriedAgainLater() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        _ = try await closedTask(database, callbackURL: customer.url("/500"))
        try await announcing(database, trusting: customer) {
            let first = try await customer.nextSeen()
            let second = try await customer.nextSeen()
            #expect(first.headers["webhook-id"] == second.headers["webhook-id"], "one delivery, two attempts")
            try await eventually { try await database.number("select attempts from callbacks where last_status = 500") >= 2 }
            #expect(try await database.rows("select state, last_error from callbacks") == [["waiting", "refused_by_server"]])
        }
    }

    @Test func theLastAttemptGivesUp() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        _ = try await closedTask(database, callbackURL: customer.url("/500"))
        try await database.rows("update callbacks set attempts = \(DeliverySchedule.attemptsMax - 1)")
        try await announcing(database, trusting: customer) {
            try await eventually { try await database.number("select count(*) from callbacks where state = 'given_up'") == 1 }
        }
    }

    @Test func anAddressThatIsNoLongerAllowedIsNotCalled() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        _ = try await closedTask(database, callbackURL: customer.url("/204"))
        try await announcing(database, trusting: customer, allow: "") {
            try await eventually {
                try await database.number("select count(*) from callbacks where last_error = 'address_not_permitted'") == 1
            }
        }
    }

    @Test func twoNodesShareTheCallbacks() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        for _ in 0..<6 { _ = try await closedTask(database, callbackURL: customer.url("/200")) }
        try await announcing(database, trusting: customer) {
            try await announcing(database, trusting: customer) {
                var ids: Set<String> = []
                for _ in 0..<6 { ids.insert(try await customer.nextSeen().headers["webhook-id"] ?? "") }
                #expect(ids.count == 6)
                try await eventually { try await database.number("select count(*) from callbacks where state = 'delivered'") == 6 }
            }
        }
    }

    @Test func nobodyTakesWhatAnotherHasTaken() async throws {
        let database = try await TestDatabase.fresh()
        for _ in 0..<12 { _ = try await closedTask(database, callbackURL: "https://example.com/") }
        let taken = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for _ in 0..<4 {
                group.addTask { try await Outbox().take(5, forSeconds: 600, in: database.pool).map(\.id) }
            }
            return try await group.reduce([], +)
        }
        #expect(taken.count == 12 && Set(taken).count == 12)
    }
}
