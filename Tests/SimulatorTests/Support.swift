import Curl
import Domain
import Foundation
import Providers
import Simulator
import Testing
import Vips

/// A simulator and somebody who calls it by plain HTTP, in the words of its dialect.
struct Scene: Sendable {
    static let hosted: [ProviderKind] = [.novita, .highway, .unified, .zimageturbo]

    let simulator: Simulator
    let transfers: Transfers
    let kind: ProviderKind

    static func with(_ settings: Simulator.Settings, _ test: (Scene) async throws -> Void) async throws {
        let simulator = try await Simulator.start(settings)
        let transfers = Transfers()
        let result: Result<Void, any Error>
        do { result = .success(try await test(Scene(simulator: simulator, transfers: transfers, kind: settings.kind))) } catch {
            result = .failure(error)
        }
        await transfers.shutdown()
        await simulator.stop()
        try result.get()
    }

    var book: JobBook { simulator.book }

    func send(
        _ method: String, _ path: String, _ body: String? = nil, key: String? = "simulated", headers: [(String, String)] = [],
        timeoutSeconds: Double = 60
    ) async throws(CurlError) -> TransferResponse {
        var all: [(name: String, value: String)] = headers.map { (name: $0.0, value: $0.1) }
        if let key { all.append((name: "authorization", value: "Bearer \(key)")) }
        if body != nil, !all.contains(where: { $0.name == "content-type" }) {
            all.append((name: "content-type", value: "application/json"))
        }
        return try await transfers.perform(TransferRequest(
            method: method, url: path.hasPrefix("http") ? path : simulator.url + path, headers: all,
            body: body.map { Array($0.utf8) }, timeoutSeconds: timeoutSeconds, responseBytesMax: 1 << 24, egress: nil))
    }

    // MARK: the dialect's words

    var submitPath: String {
        switch kind {
        case .novita, .highway: "/v3/async/z-image-turbo"
        case .unified, .openaiImages: "/v1/images/generations"
        case .zimageturbo: "/api/generate"
        }
    }

    /// A small picture.
    func body(_ prompt: String = "a cat", _ more: String = "") -> String {
        var fields = [#""prompt":"\#(prompt)""#]
        if kind == .unified { fields.append(#""model":"z-image-turbo""#) }
        // A size of the test's own comes in place of the small one.
        if !more.contains(#""size""#) {
            switch kind {
            case .novita, .highway: fields.append(#""size":"320*256""#)
            case .unified: fields.append(#""size":"384x376""#)
            case .zimageturbo: fields.append(#""aspect_ratio":"16:9""#)
            case .openaiImages: fields.append(#""size":"320x256","output_format":"webp""#)
            }
        }
        if !more.isEmpty { fields.append(more) }
        return "{\(fields.joined(separator: ","))}"
    }

    func submit(
        _ prompt: String = "a cat", _ more: String = "", headers: [(String, String)] = [], timeoutSeconds: Double = 60
    ) async throws(CurlError) -> TransferResponse {
        try await send("POST", submitPath, body(prompt, more), headers: headers, timeoutSeconds: timeoutSeconds)
    }

    /// Submits and returns the job's id.
    func accepted(_ prompt: String = "a cat", _ more: String = "", headers: [(String, String)] = []) async throws -> String {
        let reply = try await submit(prompt, more, headers: headers)
        try #require(reply.status == 200, "\(reply.text)")
        switch kind {
        case .novita, .highway: return try #require(reply.object()["task_id"] as? String)
        case .unified: return try #require(reply.object()["id"] as? String)
        case .zimageturbo: return try #require(reply.data()["task_id"] as? String)
        case .openaiImages: return try #require(reply.header("x-request-id"))
        }
    }

    func poll(_ id: String, timeoutSeconds: Double = 60) async throws(CurlError) -> TransferResponse {
        let path =
            switch kind {
            case .novita, .highway: "/v3/async/task-result?task_id=\(id)"
            case .unified, .openaiImages: "/v1/tasks/\(id)"
            case .zimageturbo: "/api/status?task_id=\(id)"
            }
        return try await send("GET", path, timeoutSeconds: timeoutSeconds)
    }

    func cancel(_ id: String, timeoutSeconds: Double = 60) async throws(CurlError) -> TransferResponse {
        try await send("POST", "/v1/tasks/\(id)/cancel", timeoutSeconds: timeoutSeconds)
    }

    /// The job's state as its dialect words it.
    func word(_ reply: TransferResponse) throws -> String {
        switch kind {
        case .novita, .highway: try #require((reply.object()["task"] as? [String: Any])?["status"] as? String)
        case .unified, .openaiImages: try #require(reply.object()["status"] as? String, "\(reply.text)")
        case .zimageturbo: try #require(reply.data()["status"] as? String)
        }
    }

    var doneWord: String {
        switch kind {
        case .novita, .highway: "TASK_STATUS_SUCCEED"
        case .unified, .openaiImages: "completed"
        case .zimageturbo: "SUCCESS"
        }
    }

    var failedWord: String {
        switch kind {
        case .novita, .highway: "TASK_STATUS_FAILED"
        case .unified, .openaiImages: "failed"
        case .zimageturbo: "FAILED"
        }
    }

    /// The link in a poll's answer; nil where there is none.
    func link(_ reply: TransferResponse) throws -> String? {
        switch kind {
        case .novita, .highway: return (try reply.object()["images"] as? [[String: Any]])?.first?["image_url"] as? String
        case .unified, .openaiImages: return (try reply.object()["results"] as? [String])?.first
        case .zimageturbo: return (try reply.data()["response"] as? [String])?.first
        }
    }

    /// Submits, polls and returns the picture's link.
    func made(_ prompt: String = "a cat") async throws -> (id: String, link: String) {
        let id = try await accepted(prompt)
        return (id, try #require(try link(try await poll(id))))
    }

    func fetch(_ link: String, timeoutSeconds: Double = 60) async throws(CurlError) -> TransferResponse {
        try await send("GET", link, key: nil, timeoutSeconds: timeoutSeconds)
    }
}

extension TransferResponse {
    var text: String { String(decoding: body.prefix(2000), as: UTF8.self) }

    func object() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any], "\(text)")
    }

    /// Of `{code, message, data}`.
    func data() throws -> [String: Any] { try #require(try object()["data"] as? [String: Any], "\(text)") }

    /// Of `{"error": {...}}`.
    func error() throws -> [String: Any] { try #require(try object()["error"] as? [String: Any], "\(text)") }

    /// The picture of an answer of the OpenAI Images API.
    func inlinePicture() throws -> [UInt8] {
        let first = try #require((try object()["data"] as? [[String: Any]])?.first)
        let base64 = try #require(first["b64_json"] as? String)
        return Array(try #require(Data(base64Encoded: base64)))
    }
}

/// The first bytes of a picture file, read.
func header(_ bytes: [UInt8]) throws -> PictureHeader {
    try PictureHeader(of: bytes)
}

/// Whether a file can be decoded from its first to its last byte.
func isPicture(_ bytes: [UInt8]) -> Bool {
    do {
        let picture = try Picture.decode(bytes)
        return picture.width > 0
    } catch { return false }
}
