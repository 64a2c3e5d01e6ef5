import Domain
import HTTPTypes
import Hummingbird
import Reports

/// `{"error": {"message", "type", "param", "code"}}`, all four always there. The statuses are those by which the official
/// clients choose their exceptions.
enum OpenAIErrors {
    static func response(_ error: APIError) -> Response {
        var headers = error.headers
        if let seconds = error.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        if error.kind == .unauthenticated { headers[.wwwAuthenticate] = "Bearer" }
        if headers[.shouldRetry] == nil, !isWorthRetrying(error) { headers[.shouldRetry] = "false" }
        return .json(json(error), status: status(error), headers: headers)
    }

    static func json(_ error: APIError) -> JSON {
        let (type, code) = words(error)
        return .object([
            ("error", .object(
                [("message", .string(message(error))), ("type", .string(type)), ("param", .optional(error.param)),
                 ("code", .optional(code))] + error.figures))
        ])
    }

    /// The clients show the message alone, so it says what to do as well.
    private static func message(_ error: APIError) -> String {
        guard let suggestion = error.suggestion else { return error.message }
        let message = error.message.hasSuffix(".") ? String(error.message.dropLast()) : error.message
        return "\(message): \(suggestion)."
    }

    /// The clients repeat 408, 409, 429 and everything from 500 twice unless told otherwise. They must not where the same
    /// request cannot do better, nor where it may be another paid task.
    private static func isWorthRetrying(_ error: APIError) -> Bool {
        error.kind != .insufficientCredits && error.code != APIError.outcomeUnknown
    }

    private static func status(_ error: APIError) -> HTTPResponse.Status {
        switch (error.kind, error.code) {
        case (_, OpenAICode.unfinished), (_, TaskFailure.timeout.rawValue): .gatewayTimeout
        case (_, OpenAICode.cancelled): .conflict
        // As OpenAI does: its clients have a class for 429 and none for 402, and those who handle a lack of credit at all
        // look for this code in it.
        case (.insufficientCredits, _): .tooManyRequests
        default: error.status
        }
    }

    private static func words(_ error: APIError) -> (type: String, code: String?) {
        switch error.kind {
        case .unauthenticated: ("invalid_request_error", "invalid_api_key")
        case .insufficientCredits: ("insufficient_quota", "insufficient_quota")
        case .forbidden: ("permission_error", error.code)
        case .notFound: ("invalid_request_error", error.param == "model" ? "model_not_found" : error.code)
        case .tooLarge: ("invalid_request_error", "request_too_large")
        case .tooMany: ("requests", "rate_limit_exceeded")
        case .internalError, .unavailable: ("server_error", error.code)
        default: ("invalid_request_error", error.code)
        }
    }
}

/// Codes of this dialect alone.
enum OpenAICode {
    /// The wait ended before the task did.
    static let unfinished = "task_unfinished"
    /// The task was withdrawn while somebody waited for it.
    static let cancelled = "task_cancelled"
}

extension APIError {
    /// A task that ended without a picture.
    init(endOf task: TaskView) {
        let code = task.errorCode ?? TaskFailure.serviceError.rawValue
        let message = task.errorMessage ?? TaskFailure.serviceError.message
        if task.state == .cancelled {
            self.init(
                kind: .conflict, message: "The task was cancelled; you were not charged.",
                suggestion: "send the request again if you still want the picture", code: OpenAICode.cancelled)
            return
        }
        switch code {
        case TaskFailure.policyViolation.rawValue:
            self.init(kind: .invalidRequest, message: message, param: "prompt", code: code)
        case TaskFailure.generationFailed.rawValue, TaskFailure.serviceError.rawValue, TaskFailure.timeout.rawValue:
            self.init(kind: .internalError, message: message, code: code)
        // All others are about what the customer sent.
        default:
            let field = InputField.allCases.first { message.hasPrefix("\($0.rawValue):") }
            self.init(kind: .invalidRequest, message: message, param: field?.rawValue, code: code)
        }
    }
}

extension HTTPField.Name {
    /// What the official clients obey before anything else.
    static let shouldRetry = named("X-Should-Retry")
    /// The unified id of the task behind a reply.
    static let taskID = named("X-Task-Id")
}
