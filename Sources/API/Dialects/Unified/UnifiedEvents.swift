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

    let lookup: UnifiedLookup
    let request: Request
    let requestID: String

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
        while !seen.state.isFinal, !TaskWatch.nodeIsStopping {
            let left = min(deadline - .now, .seconds(Self.commentSeconds))
            guard left > .zero else { break }
            let (state, progress) = (seen.state, seen.progress)
            let changed = try await lookup.services.watch.task(seen.id, atMost: left) {
                $0.state != state || $0.progress != progress
            }
            try await KeyedRequest.$current.withValue(keyed) { try await checkKey() }
            if let changed { seen = changed }
            try await writer.write(changed.map(event) ?? Self.comment)
        }
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
