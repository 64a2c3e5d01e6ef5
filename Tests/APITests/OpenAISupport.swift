import Domain
import Foundation
import HTTPTypes
import Images
import JobLife
import Queue
import TestSupport
import Testing

/// Requests of the OpenAI dialect and what answers them.
enum OpenAI {
    static let generations = "/openai/v1/images/generations"
    static let edits = "/openai/v1/images/edits"
    static let formType = "multipart/form-data; boundary=b0und"

    static func body(_ members: String = "") -> String { #"{"model":"z-image-turbo","prompt":"a cat"\#(members)}"# }

    /// A form of fields and files, as the official client writes it.
    static func form(_ fields: [(String, String)], _ files: [(String, [UInt8])] = []) -> [UInt8] {
        var body: [UInt8] = []
        for (name, text) in fields {
            body += Array("--b0und\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(text)\r\n".utf8)
        }
        for (name, bytes) in files {
            let head = "Content-Disposition: form-data; name=\"\(name)\"; filename=\"\(name).png\"\r\nContent-Type: image/png"
            body += Array("--b0und\r\n\(head)\r\n\r\n".utf8) + bytes + [13, 10]
        }
        return body + Array("--b0und--\r\n".utf8)
    }

    static let picture = TestPictures.png(width: 64, height: 96, 200, 10, 10)
    /// Its right half is transparent, which here means: edit it.
    static let mask = TestPictures.png(
        width: 64, height: 96, bands: 4, (0..<96).flatMap { _ in (0..<64).flatMap { [0, 0, 0, $0 < 32 ? 255 : 0] as [UInt8] } })
    static let opaqueMask = TestPictures.png(
        width: 64, height: 96, bands: 3, [UInt8](repeating: 255, count: 64 * 96 * 3))

    static func dataURI(_ bytes: [UInt8]) -> String { "data:image/png;base64,\(Data(bytes).base64EncodedString())" }
}

extension APIFixture {
    /// Posts JSON to the OpenAI dialect.
    func openAI(_ body: String, _ tenant: Tenant, idempotencyKey: String? = nil) async throws -> Reply {
        try await send(
            .post, OpenAI.generations, key: tenant.keyText, body: Array(body.utf8),
            headers: idempotencyKey.map { ["Idempotency-Key": $0] } ?? [:])
    }

    /// Posts a form to the OpenAI dialect.
    func edit(
        _ fields: [(String, String)], _ files: [(String, [UInt8])], _ tenant: Tenant, idempotencyKey: String? = nil
    ) async throws -> Reply {
        var headers = ["Content-Type": OpenAI.formType]
        headers["Idempotency-Key"] = idempotencyKey
        return try await send(.post, OpenAI.edits, key: tenant.keyText, body: OpenAI.form(fields, files), headers: headers)
    }

    /// Sends a request that waits for its picture, and meanwhile ends its task like a worker.
    func whileEnding(_ outcome: (Lease) -> Ending.Outcome, _ request: @escaping @Sendable () async throws -> Reply) async throws -> Reply {
        async let reply = request()
        let queue = TaskQueue(leaseSeconds: 60)
        var claimed: ClaimedTask?
        while claimed == nil { claimed = try await queue.claim(node: "test", limit: 1, afterWallet: 0, in: database.pool).first }
        let lease = try #require(claimed).lease
        let ending = Ending(lease: lease, outcome: outcome(lease), units: 1, provider: "sandbox")
        #expect(try await queue.close([ending], in: database.pool) == [lease: .closed])
        watch.tasksClosed()
        return try await reply
    }

    /// Keeps a picture and answers the outcome that names it.
    func madePicture(
        _ bytes: [UInt8] = [1, 2, 3], format: ImageFormat = .png, size: ImageSize = .standard
    ) async throws -> (path: ImagePath, outcome: Ending.Outcome) {
        let path = ImagePath(atSeconds: clock.now, lease: 1, index: 0, format: format)
        try await store.put(bytes, at: path)
        return (path, .completed(images: [TaskImage(path: path.text, format: format, size: size, bytes: bytes.count)]))
    }

    /// What was stored of the only task's request.
    func storedRequest(_ columns: String) async throws -> [String?] {
        let rows = try await database.rows("select \(columns) from tasks")
        return try #require(rows.count == 1 ? rows[0] : nil, "one task and not \(rows.count)")
    }
}
