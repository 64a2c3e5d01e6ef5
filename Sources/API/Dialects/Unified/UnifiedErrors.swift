import Domain
import HTTPTypes
import Hummingbird

/// `{"error": {"code", "message", "type", "param", "fallback_suggestion", ..., "request_id"}}`. The code is the HTTP
/// status as a number, or a word where the dialect has one.
enum UnifiedErrors {
    @Sendable static func response(_ error: APIError, requestID: String) -> Response {
        var headers = error.headers
        if let seconds = error.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        if error.kind == .unauthenticated { headers[.wwwAuthenticate] = "Bearer" }
        return .json(json(error, requestID: requestID), status: error.status, headers: headers)
    }

    static func json(_ error: APIError, requestID: String) -> JSON {
        let code = error.code.map(JSON.string) ?? .int(Int64(error.status.code))
        var members: [(String, JSON)] = [
            ("code", code), ("message", .string(error.message)), ("type", .string(type(error.kind))),
        ]
        if let param = error.param { members.append(("param", .string(param))) }
        if let suggestion = error.suggestion { members.append(("fallback_suggestion", .string(suggestion))) }
        members += error.figures
        members.append(("request_id", .string(requestID)))
        return .object([("error", .object(members))])
    }

    private static func type(_ kind: APIError.Kind) -> String {
        switch kind {
        case .invalidRequest, .conflict, .tooLate: "invalid_request_error"
        case .unauthenticated: "authentication_error"
        case .insufficientCredits: "insufficient_quota_error"
        case .forbidden: "permission_error"
        case .notFound, .gone: "not_found_error"
        case .tooLarge: "request_too_large_error"
        case .tooMany: "rate_limit_error"
        case .internalError: "internal_server_error"
        case .unavailable: "service_unavailable_error"
        }
    }
}
