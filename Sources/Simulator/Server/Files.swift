import Domain
import Foundation

/// Serves the pictures that results link to. Links need no key, and die.
struct Files: Sendable {
    static let page = Array("<html><body>not a picture</body></html>".utf8)

    let desk: Desk

    func answer(_ call: Call) async -> Answer {
        let name = String(call.path.dropFirst("/files/".count))
        let id = String(name.prefix { $0 != "." })
        guard call.method == "GET", let job = desk.book.job(id), name == "\(id).\(job.order.format.rawValue)" else {
            desk.book.count(.fetch, id: nil, prompt: "", fault: nil)
            return .reply(.text("no such file", "text/plain", status: 404))
        }
        let fault = desk.script.take(.fetch, prompt: job.order.prompt)
        defer { desk.book.count(.fetch, id: id, prompt: job.order.prompt, fault: fault) }
        if case .expiredLink? = fault { desk.book.change(id) { $0.linkGeneration += 1 } }
        if let answer = desk.before(fault) { return answer }
        guard isGood(call, of: desk.book.job(id) ?? job) else {
            let page = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            return .reply(.text(page, "application/xml", status: 403))
        }
        guard job.state(at: desk.book.now()) == .completed, let bytes = await desk.pictures.picture(of: job) else {
            return .reply(.text("no such file", "text/plain", status: 404))
        }
        return answer(bytes, job.order.format.contentType, fault)
    }

    private func isGood(_ call: Call, of job: SimulatedJob) -> Bool {
        guard let expires = call.query["expires"].flatMap({ Double($0) }),
            let generation = call.query["generation"].flatMap({ Int($0) })
        else { return false }
        return generation == job.linkGeneration && desk.book.now().timeIntervalSince1970 < expires
    }

    private func answer(_ bytes: [UInt8], _ contentType: String, _ fault: Fault?) -> Answer {
        func reply(_ bytes: [UInt8], _ type: String = contentType) -> Reply { Reply(contentType: type, body: .bytes(bytes)) }
        let half = Array(bytes.prefix(bytes.count / 2))
        switch fault {
        case .resetAfter: return .reply(Reply(contentType: contentType, body: .cut(half, of: bytes.count)))
        case .truncated: return .reply(reply(half))
        case .garbage: return .reply(reply((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 37) }))
        case .wrongType: return .reply(reply(Self.page, "text/html"))
        case .slow(let seconds): return .late(reply(bytes), seconds: seconds)
        default: return .reply(reply(bytes))
        }
    }

    /// The first half of the picture in an answer that holds it.
    static func half(of reply: Reply) -> [UInt8] {
        guard case .bytes(let body) = reply.body, case .object(let fields)? = Value(body),
            case .string(let base64)? = picture(fields), let bytes = Data(base64Encoded: base64)
        else { return [] }
        return Array(bytes.prefix(bytes.count / 2))
    }

    private static func picture(_ fields: [String: Value]) -> Value? {
        if case .list(let images)? = fields["images"] { return images.first }
        guard case .list(let data)? = fields["data"], case .object(let first)? = data.first else { return nil }
        return first["b64_json"]
    }
}
