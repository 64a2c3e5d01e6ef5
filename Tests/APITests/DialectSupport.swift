import API
import Domain
import Foundation
import HTTPTypes
import Images
import JobLife
import Queue
import TestSupport
import Testing

/// A wrong request of a dialect and the answer that it must get.
struct WrongRequest: Sendable {
    let name: String
    var method = HTTPRequest.Method.post
    let path: String
    var key: String?
    var body: String?
    var headers: [String: String] = [:]
    let status: Int
    /// What the answer must hold besides, however the dialect tells it: a reason or a part of the message.
    var words: [String] = []
}

extension APIFixture {
    /// Submits a body to a dialect's path.
    func post(_ path: String, _ body: String, key: String?, idempotencyKey: String? = nil) async throws -> Reply {
        try await send(
            .post, path, key: key, body: Array(body.utf8), headers: idempotencyKey.map { ["Idempotency-Key": $0] } ?? [:])
    }

    /// Completes the only waiting task with a picture of these bytes and returns its path.
    func complete(_ bytes: [UInt8], format: ImageFormat) async throws -> ImagePath {
        let path = ImagePath(atSeconds: clock.now, lease: 1, index: 0, format: format)
        try await store.put(bytes, at: path)
        try await finish { _ in
            .completed(images: [
                TaskImage(path: path.text, format: format, size: ImageSize(width: 256, height: 256), bytes: bytes.count)
            ])
        }
        return path
    }

    /// The body of a callback for the tenant's only task.
    func callbackBody(_ tenant: Tenant) async throws -> [UInt8] {
        let id = TaskID(try await database.number("select id from tasks"))
        let task = try await TaskQuery(database.pool)(id, accountID: tenant.accountID, mode: tenant.mode)
        return try await dialects.callbackBody(try #require(task))
    }

    /// Withdraws all tasks, as an operator does.
    func cancelAll() async throws {
        let ids = try await database.rows("select id from tasks").compactMap { $0[0].flatMap { Int64($0) } }.map { TaskID($0) }
        _ = try await TaskQueue(leaseSeconds: 60).cancel(ids, walletID: nil, alsoRunning: true, in: database.pool)
    }

    /// Sends wrong requests; each is answered as it must be and changes nothing.
    func check(_ table: [WrongRequest], shape: (WrongRequest, Reply) throws -> Void) async throws {
        for wrong in table {
            let before = try await state()
            let reply = try await send(
                wrong.method, wrong.path, key: wrong.key, body: wrong.body.map { Array($0.utf8) }, headers: wrong.headers)
            #expect(reply.status == wrong.status, "\(wrong.name): \(reply.text)")
            for word in wrong.words { #expect(reply.text.contains(word), "\(wrong.name): \(reply.text)") }
            #expect(reply.header("x-request-id")?.isEmpty == false, "\(wrong.name)")
            #expect(reply.header("content-type") == "application/json", "\(wrong.name)")
            try shape(wrong, reply)
            #expect(try await state() == before, "\(wrong.name) changed something")
        }
    }
}
