public import Domain
public import Foundation

/// A task that was admitted, now or earlier under the same idempotency key.
public struct AdmittedTask: Sendable {
    /// The task.
    public let id: TaskID
    /// When it was made, by the database's clock.
    public let createdAt: Date
    /// What was set aside for it.
    public let reserved: Credits
    /// How it is billed.
    public let rule: BillingRule
    /// The user group at submit.
    public let userGroup: String
    /// What the customer may expect, in seconds.
    public let estimatedSeconds: Int
    /// Whether the task is the answer to an earlier request with the same idempotency key.
    public let replayed: Bool
}

/// Where the caller stands with the strictest rate limit that applies.
public struct RateStanding: Sendable, Equatable {
    /// Requests per minute.
    public let limit: Int
    /// Requests that may come at once.
    public let burst: Int
    /// Requests that may come right now.
    public let remaining: Int
}

/// Why a request was refused. Nothing was changed, but for the idempotency key of a lack of credit.
public enum Refusal: Error, Sendable, Equatable {
    case keyUnknown
    case keyRevoked
    case keyExpired
    case accountSuspended
    case idempotencyConflict
    case modelUnknown
    case modelForbidden
    /// The model is there but nobody has set a price.
    case priceMissing
    case rateLimited(retryAfterSeconds: Double)
    case tooManyPending
    case creditsInsufficient(available: Credits, needed: Credits)
}

/// What became of one submission.
public struct Verdict: Sendable {
    /// The task, or why there is none.
    public let outcome: Result<AdmittedTask, Refusal>
    /// Nil when no rate limit applies.
    public let rate: RateStanding?
}
