import Admission
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import JobLife
import Keys
import Moderation
import NIOCore
import Postgres

/// Every way in which a request can fail, in no dialect's words. This is the one place where a failure gets its status;
/// each dialect then gives it its own shape.
struct APIError: Error {
    enum Kind {
        case invalidRequest, unauthenticated, insufficientCredits, forbidden, notFound, conflict, tooLarge, tooMany,
            gone, tooLate, internalError, unavailable
    }

    var kind: Kind
    var message: String
    /// The field that is at fault.
    var param: String?
    /// What to do next.
    var suggestion: String?
    /// A word for programs, where the status alone says too little.
    var code: String?
    /// More members of the error, such as figures.
    var figures: [(String, JSON)] = []
    var retryAfterSeconds: Int?
    /// Whether it is that no key was sent at all, for which a dialect may have a word of its own.
    var isKeyMissing = false
    /// What nobody foresaw, for the log.
    var cause: (any Error)?
    /// Headers besides those that every failure has.
    var headers: HTTPFields = [:]

    var status: HTTPResponse.Status {
        switch kind {
        case .invalidRequest: .badRequest
        case .unauthenticated: .unauthorized
        case .insufficientCredits: .init(code: 402, reasonPhrase: "Payment Required")
        case .forbidden: .forbidden
        case .notFound: .notFound
        case .conflict: .unprocessableContent
        case .tooLarge: .contentTooLarge
        case .tooMany: .tooManyRequests
        case .gone: .gone
        case .tooLate: .conflict
        case .internalError: .internalServerError
        case .unavailable: .serviceUnavailable
        }
    }

    /// The message and what to do next, for dialects with one text for both.
    var advice: String {
        guard let suggestion else { return message }
        return "\(message.hasSuffix(".") ? String(message.dropLast()) : message); suggestion: \(suggestion)"
    }

    static func invalid(_ param: String?, _ message: String) -> APIError {
        APIError(kind: .invalidRequest, message: message, param: param)
    }
}

extension APIError {
    /// The failure behind any error that a route can throw; nil for one that nobody foresaw.
    init?(_ error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as KeyError: self.init(error)
        case let error as ModerationRefusal: self.init(error)
        case let error as AdmitError: self.init(error)
        case let error as InputError: self.init(input: error)
        case is TaskWatch.Refusal: self = .tooManyWaiters
        case let error as PostgresError where error.isUnavailable: self = .databaseAway
        case is NIOTooManyBytesError: self = .bodyTooLarge
        case let error as HTTPError where error.status == .notFound:
            self.init(kind: .notFound, message: "There is no such route: see the documentation for the routes.")
        case let error as HTTPError where error.status.code < 500:
            self.init(kind: .invalidRequest, message: error.body ?? "The request cannot be read.")
        default: return nil
        }
    }

    /// Also the answer to somebody else's task.
    static func taskNotFound(code: String = "task_not_found") -> APIError {
        APIError(
            kind: .notFound, message: "Task not found: check the id and the key's account.", param: "task_id", code: code)
    }
    static let databaseAway = APIError(
        kind: .unavailable, message: "The service is restarting.", suggestion: "retry after 5 seconds",
        retryAfterSeconds: 5)
    static let tooManyWaiters = APIError(
        kind: .unavailable, message: "Too many requests wait for tasks on this server.",
        suggestion: "query the task without waiting, or retry after 5 seconds", retryAfterSeconds: 5)
    static let bodyTooLarge = APIError(
        kind: .tooLarge, message: "The request body is larger than \(Limits.bodyBytesMax) bytes.",
        suggestion: "send a smaller request")
    static let unforeseen = APIError(
        kind: .internalError, message: "The service failed.",
        suggestion: "try again later; tell the operator the request id if it stays")

    private init(_ error: KeyError) {
        switch error {
        case .missing, .invalid, .revoked, .expired:
            self.init(kind: .unauthenticated, message: error.description)
            isKeyMissing = error == .missing
        case .accountSuspended: self.init(kind: .forbidden, message: error.description)
        case .addressForbidden:
            self.init(kind: .forbidden, message: error.description, code: "key_address_not_allowed")
        case .rightMissing(let right):
            self.init(
                kind: .forbidden, message: error.description, code: "key_scope_missing",
                figures: [("missing_scope", .string(right.rawValue))])
        case .busy, .unavailable:
            self.init(
                kind: .unavailable, message: error.description, suggestion: "retry after 2 seconds",
                retryAfterSeconds: 2)
        }
    }

    private init(_ error: ModerationRefusal) {
        switch error {
        case .refused(let category):
            self.init(
                kind: .invalidRequest, message: "The prompt was refused by content moderation (\(category.rawValue)).",
                param: "prompt", suggestion: "change the prompt; nothing was charged", code: Self.contentPolicy,
                figures: [("category", .string(category.rawValue))])
        case .unavailable:
            self.init(
                kind: .unavailable, message: "Strict moderation is not available now; nothing was charged.",
                suggestion: "retry after 10 seconds, or without nsfw_check", code: "service_unavailable",
                retryAfterSeconds: 10)
        }
    }

    /// By this code a dialect knows a refusal of moderation, whatever it calls it itself.
    static let contentPolicy = "content_policy_violation"

    /// By this code a client that pays knows that it may have been charged.
    static let outcomeUnknown = "paid_outcome_unknown"

    private init(_ error: AdmitError) {
        switch error {
        case .overloaded:
            self.init(
                kind: .unavailable, message: "Too many requests wait to be accepted; nothing was charged.",
                suggestion: "retry after 2 seconds", retryAfterSeconds: 2)
        case .unavailable:
            self.init(
                kind: .unavailable, message: "It is not known whether the task was accepted.",
                suggestion: "retry with the same Idempotency-Key, so that nothing is charged twice",
                code: Self.outcomeUnknown, retryAfterSeconds: 5)
        case .broken: self = .unforeseen
        }
    }

    init(_ refusal: Refusal, model: String) {
        switch refusal {
        case .keyUnknown: self.init(KeyError.invalid)
        case .keyRevoked: self.init(KeyError.revoked)
        case .keyExpired: self.init(KeyError.expired)
        case .accountSuspended: self.init(KeyError.accountSuspended)
        case .idempotencyConflict:
            self.init(
                kind: .conflict, message: "This Idempotency-Key was used for another request.",
                param: "Idempotency-Key", suggestion: "use a new key for a new request", code: "idempotency_conflict")
        case .modelUnknown:
            self.init(
                kind: .notFound, message: "Specified model not found", param: "model", suggestion: "z-image-turbo")
        case .modelForbidden:
            self.init(kind: .forbidden, message: "Access denied for this model", param: "model")
        case .priceMissing:
            self.init(
                kind: .unavailable, message: "The model '\(model)' has no price yet.", param: "model",
                suggestion: "ask the operator")
        case .rateLimited(let seconds):
            let wait = max(1, Int(seconds.rounded(.up)))
            self.init(
                kind: .tooMany, message: "Rate limit exceeded", suggestion: "retry after \(wait) seconds",
                retryAfterSeconds: wait)
        case .tooManyPending:
            self.init(
                kind: .tooMany, message: "Too many of your tasks wait already",
                suggestion: "retry when some of them are done", retryAfterSeconds: 5)
        case .creditsInsufficient(let credit):
            self.init(
                kind: .insufficientCredits, message: "Insufficient quota",
                suggestion: "add credits to your account", figures: Self.figures(credit))
        case .quotaExceeded(let quota, let credit): self.init(quota, credit)
        }
    }

    private static func figures(_ credit: CreditStanding) -> [(String, JSON)] {
        [("estimated_credits", .credits(credit.needed)), ("account_balance_credits", .credits(credit.available))]
    }

    /// The codes and figures are those that clients of the unified dialect know (its key is a token).
    private init(_ quota: QuotaStanding, _ credit: CreditStanding) {
        let code =
            switch (quota.scope, quota.window) {
            case (.key, .day): "token_daily_quota_exceeded"
            case (.key, .month): "insufficient_token_quota"
            case (.account, _), (.group, _): "insufficient_user_quota"
            }
        let words = quota.window == .day ? ("daily", "daily_limit_credits", "daily_used_credits")
            : ("monthly", "total_limit_credits", "used_credits")
        let left = Credits(micro: max(0, quota.cap.micro - quota.used.micro))
        let reset = quota.resetsAt.formatted(.iso8601)
        self.init(
            kind: .insufficientCredits,
            message: "The \(words.0) quota of this \(quota.scope.rawValue) is used up: \(left) of \(quota.cap) credits are left.",
            suggestion: "wait for the reset at \(reset), or ask for a higher quota", code: code,
            figures: Self.figures(credit) + [
                (words.1, .credits(quota.cap)), (words.2, .credits(quota.used)), ("remaining_credits", .credits(left)),
                ("reset_timezone", .string(quota.timeZone)), ("resets_at", .string(reset)),
                ("limit_scope", .string("\(quota.scope.rawValue)_\(words.0)")),
            ])
        retryAfterSeconds = max(1, Int(quota.resetsAt.timeIntervalSinceNow.rounded(.up)))
    }
}
