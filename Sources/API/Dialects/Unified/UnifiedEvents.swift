import Domain
import Foundation
import HTTPTypes
import Hummingbird
import JobLife
import Keys
import Reports

/// `GET /v1/tasks/{id}` with `Accept: text/event-stream`: the reply to a query as an event `progress` at once and after
/// each change, then once more as `completed`, `failed` or `cancelled`, which is the end.
struct UnifiedEvents: Sendable {
    /// A comment at least this often, so that proxies and clients see that the connection lives.
    private static let commentSeconds = 15
    /// After this long the client may connect again.
    private static let secondsMax = 600
    /// How often the key is looked at: a revoked one must stop within two seconds, of which the node needs up to one to
    /// learn of it. It costs no query while nobody's rights change.
    private static let keyCheckMilliseconds = 500

    let lookup: UnifiedLookup
    let request: Request
    let requestID: String
    let wait: TaskWait

    static func areWanted(_ request: Request) -> Bool {
        request.headers[.accept]?.lowercased().split(separator: ",").contains {
            $0.split(separator: ";").first?.trimmingCharacters(in: .whitespaces) == "text/event-stream"
        } ?? false
    }

    /// - Throws: ``TaskWatch/Refusal``, as long as it can be told as a status.
    func response(_ task: TaskView) throws -> Response {
        try lookup.services.watch.checkRoom()
        // The body is written when the middleware is done, and its key is looked at again: from the same place.
        let keyed = KeyedRequest.current
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store", .named("X-Accel-Buffering"): "no"],
            body: ResponseBody { writer in
                do { try await follow(task, from: keyed, &writer) } catch let failure where APIError(failure) != nil {
                    let error = UnifiedErrors.json(APIError(failure) ?? .unforeseen, requestID: requestID)
                    try await writer.write(Self.event("error", error))
                }
                try await writer.finish(nil)
            })
    }

    @concurrent
    private func follow(_ task: TaskView, from keyed: KeyedRequest?, _ writer: inout any ResponseBodyWriter) async throws {
        let deadline = ContinuousClock.now + .seconds(Self.secondsMax)
        var seen = task
        try await writer.write(event(seen))
        while !seen.state.isFinal, !wait.isOver {
            let left = min(deadline - .now, .seconds(Self.commentSeconds))
            guard left > .zero else { break }
            let changed = try await KeyedRequest.$current.withValue(keyed) { try await change(of: seen, atMost: left) }
            if let changed { seen = changed }
            try await writer.write(changed.map(event) ?? Self.comment)
        }
    }

    /// The task when it is no longer as it was; nil after the time.
    /// - Throws: when the key stops meanwhile.
    private func change(of seen: TaskView, atMost duration: Duration) async throws -> TaskView? {
        let changed = try await withThrowingTaskGroup(of: TaskView?.self) { group in
            group.addTask {
                try await wait.task(seen.id, atMost: duration) { $0.state != seen.state || $0.progress != seen.progress }
            }
            group.addTask {
                while true {
                    try await Task.sleep(for: .milliseconds(Self.keyCheckMilliseconds))
                    try await checkKey()
                }
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        try await checkKey()
        return changed
    }

    /// A key that was revoked while the stream runs ends it. Whether it was cannot be known while the database is away.
    private func checkKey() async throws {
        do { _ = try await request.caller(lookup.services.keys) } catch KeyError.unavailable {} catch KeyError.busy {}
    }

    private func event(_ task: TaskView) -> ByteBuffer {
        Self.event(task.state.isFinal ? task.state.rawValue : "progress", lookup.reply(task))
    }

    private static func event(_ name: String, _ data: JSON) -> ByteBuffer {
        ByteBuffer(bytes: Array("event: \(name)\ndata: ".utf8) + data.bytes + [10, 10])
    }

    private static let comment = ByteBuffer(string: ": the task goes on\n\n")
}
