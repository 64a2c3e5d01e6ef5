import Domain
import HTTPTypes
import Hummingbird
import JobLife
import Logging
import Reports

/// The wait of one request for the task that it made.
struct OpenAIWait {
    /// Proxies hang up on a stream that is silent for longer.
    private static let partSeconds = 15

    let services: APIServices
    let wait: TaskWait
    let id: TaskID
    /// As the customer can query it.
    let idText: String

    /// When a wait that begins now is over.
    var deadline: ContinuousClock.Instant { .now + .seconds(services.imageWaitSeconds) }

    /// The task when it has ended, or an error when the time for waiting has.
    func end(until deadline: ContinuousClock.Instant) async throws -> TaskView {
        while true { if let task = try await look(until: deadline) { return task } }
    }

    /// The task when it has ended; nil after a part of the time.
    func look(until deadline: ContinuousClock.Instant) async throws -> TaskView? {
        let left = min(ContinuousClock.now.duration(to: deadline), .seconds(Self.partSeconds))
        guard left > .zero, !wait.isOver else { throw unfinished }
        return try await wait.task(id, atMost: left, where: { $0.state.isFinal })
    }

    /// Room for a reply with pictures in it: waits until others are sent, as long as the caller waits.
    func room(_ bytes: Int, until deadline: ContinuousClock.Instant) async throws -> ByteRoom {
        while true {
            if let room = services.pictureReplies.room(bytes) { return room }
            guard ContinuousClock.now < deadline, !wait.isOver else { throw tooManyReplies }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private var tooManyReplies: APIError {
        APIError(
            kind: .unavailable, message: "Too many pictures are being sent; the task \(idText) has completed",
            suggestion: "query GET /v1/tasks/\(idText) for links to its pictures, or ask for response_format url; a new request would be "
                + "a second task, unless it has the same Idempotency-Key")
    }

    private var unfinished: APIError {
        APIError(
            kind: .unavailable, message: "The picture is not there yet and the task \(idText) goes on",
            suggestion: "query GET /v1/tasks/\(idText) for it; a new request would be a second task, unless it has the same "
                + "Idempotency-Key",
            code: OpenAICode.unfinished)
    }

    /// Whatever went wrong, there is a task, and a client that repeats the request by itself would make a second one.
    func failure(_ error: any Error, headers: HTTPFields = [:]) -> APIError {
        var failure: APIError
        switch error {
        case let error as APIError: failure = error
        case is TaskWatch.Refusal: failure = unfinished
        default:
            services.logger.error("cannot wait for a task", metadata: ["task": "\(idText)", "error": "\(error)"])
            failure = unfinished
        }
        failure.headers = headers
        failure.headers[.taskID] = idText
        failure.headers[.shouldRetry] = "false"
        return failure
    }
}
