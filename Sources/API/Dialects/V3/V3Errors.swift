import Domain
import HTTPTypes
import Hummingbird

/// `{"code", "reason", "message", "metadata"}` with the reasons and statuses of Novita's table for pictures. The code is
/// the HTTP status; the metadata are texts: the request id, the field at fault, and figures.
enum V3Errors {
    static let taskNotFound = "TASK_NOT_FOUND"
    static let resultFailed = "GET_RESULT_FAILED"
    static let customOutput = "INVALID_CUSTOM_OUTPUT_PATH"

    /// The reason for a fault in a picture of a request.
    static func reason(_ fault: InputError.Fault) -> String {
        switch fault {
        case .malformed, .unreachable: "INVALID_REQUEST_BODY"
        case .fileTooLarge: "IMAGE_FILE_EXCEEDS_MAX_SIZE"
        case .formatUnsupported, .damaged: "INVALID_IMAGE_FORMAT"
        case .sizeOutOfRange: "IMAGE_EXCEEDS_MAX_RESOLUTION"
        case .sizeMismatch: "INVALID_IMAGE_SIZE"
        }
    }

    static func response(_ error: APIError, requestID: String) -> Response {
        let (reason, status) = words(error)
        var metadata = [("request_id", JSON.string(requestID))]
        if let param = error.param { metadata.append(("field", .string(param))) }
        metadata += error.figures.map { ($0.0, texts($0.1)) }
        var headers = error.headers
        if let seconds = error.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        return .json(
            .object([
                ("code", .int(Int64(status))), ("reason", .string(reason)), ("message", .string(error.advice)),
                ("metadata", .object(metadata)),
            ]), status: .init(code: status), headers: headers)
    }

    private static func texts(_ value: JSON) -> JSON {
        if case .string = value { return value }
        return .string(value.text)
    }

    /// There is no 401, 402 or 413 here. 422 is ours: the table has no word for a key that was used for something else.
    static func words(_ error: APIError) -> (reason: String, status: Int) {
        switch error.kind {
        case .unauthenticated: error.isKeyMissing ? ("MISSING_API_KEY", 400) : ("INVALID_API_KEY", 403)
        case .insufficientCredits: ("BILLING_BALANCE_NOT_ENOUGH", 400)
        case .forbidden: (error.param == "model" ? "FEATURE_NOT_ALLOWED" : "API_NOT_ALLOWED", 403)
        case .notFound, .gone:
            (error.code == taskNotFound ? taskNotFound : error.param == "model" ? "MODEL_NOT_FOUND" : "API_NOT_FOUND", 404)
        case .conflict: ("IDEMPOTENCY_CONFLICT", 422)
        // Nothing of this dialect can come too late.
        case .tooLate: ("INVALID_REQUEST_BODY", 400)
        case .tooMany: ("RATE_LIMIT_EXCEEDED", 429)
        case .internalError: (error.code ?? "CREATE_TASK_FAILED", 500)
        // A model without a price.
        case .unavailable where error.param == "model": ("BILLING_FAILED", 500)
        // Not SERVICE_NOT_AVAILABLE, which says that there is no task.
        case .unavailable where error.code == APIError.outcomeUnknown: ("PAID_OUTCOME_UNKNOWN", 503)
        case .unavailable: ("SERVICE_NOT_AVAILABLE", 503)
        case .invalidRequest, .tooLarge: (invalid(error), 400)
        }
    }

    private static func invalid(_ error: APIError) -> String {
        let isPicture = error.param == "image_url" || error.param == "mask"
        let words = [customOutput] + InputError.Fault.allCases.map { reason($0) }
        if let word = words.first(where: { $0 == error.code }) { return word }
        if error.code == TaskFailure.policyViolation.rawValue { return isPicture ? "ILLEGAL_IMAGE_CONTENT" : "ILLEGAL_PROMPT" }
        return "INVALID_REQUEST_BODY"
    }

    /// The text of `task.reason`: a word of the same table and what the customer is told.
    static func reason(code: String?, message: String?) -> String {
        let word =
            switch code {
            case TaskFailure.policyViolation.rawValue: "ILLEGAL_PROMPT"
            case "image_processing_error": "INVALID_IMAGE_FORMAT"
            case "image_dimension_mismatch": "INVALID_IMAGE_SIZE"
            case "task_cancelled": "TASK_CANCELLED"
            default: "TASK_FAILED"
            }
        return "\(word): \(message ?? "The task failed; you were not charged. Try again.")"
    }
}
