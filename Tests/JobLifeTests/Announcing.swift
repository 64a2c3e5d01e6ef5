import Callbacks
import Curl
import Domain
import Postgres
import Queue
import Reports
import TestSupport
import Testing

@testable import JobLife

/// Closes one task of an account that has a callback address.
/// - Parameter pictureBytes: the size of the picture that its callback holds itself; nil is a task that failed.
func closedTask(
    _ database: TestDatabase, of account: String = "acme", callbackURL: String, pictureBytes: Int? = nil
) async throws -> TaskID {
    let tenant = try await Tenant.make(database, name: account)
    let id = try await admit(database, tenant.submission(callbackURL: callbackURL))
    if pictureBytes != nil {
        try await database.rows("update tasks set request = request || '{\"inline\": true}' where id = \(id.value)")
    }
    let queue = TaskQueue(leaseSeconds: 60)
    let claimed = try await queue.claim(node: "a", limit: 1, afterWallet: 0, in: database.pool)
    let lease = try #require(claimed.first?.lease)
    let sql = "select count(*) from callbacks where task_id = \(id.value)"
    #expect(try await database.number(sql) == 0, "not before the task is final")
    let outcome = pictureBytes.map { bytes in
        Ending.Outcome.completed(images: [
            TaskImage(path: "1/1-0.png", format: .png, size: ImageSize(width: 376, height: 376), bytes: bytes)
        ])
    }
    let ending = Ending(lease: lease, outcome: outcome ?? .failed(code: "x", message: "x"), units: 0, provider: nil)
    _ = try await queue.close([ending], in: database.pool)
    return id
}

/// Announces on a node of its own until the test is over.
func announcing(
    _ database: TestDatabase, trusting customer: TLSCustomer, allow: String = "127.0.0.1/32:*", places: Int = 4,
    pictureBytesMax: Int = 1000,
    _ test: () async throws -> Void
) async throws {
    let rule = EgressRule(allowances: try EgressAllowance.parse(allow))
    let transfers = Transfers(inFlightMax: places, waitingMax: 4)
    let announce = Announce(
        database.pool, sender: CallbackSender(transfers: transfers, egress: rule, caFile: customer.caFile),
        secret: Tenant.secret, egress: rule, pictureBytesMax: pictureBytesMax, render: { rendered($0) }, logger: silent)
    let runner = Task { await announce.run() }
    announce.tasksClosed()
    let result: Result<Void, any Error>
    do { result = .success(try await test()) } catch { result = .failure(error) }
    runner.cancel()
    await runner.value
    await transfers.shutdown()
    try result.get()
}

private func rendered(_ task: TaskView) -> [UInt8] {
    Array(#"{"id":\#(task.id.value),"status":"\#(task.state.rawValue)"}"#.utf8)
}
