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
    /// What the customer may expect for one picture, in seconds.
    public let estimatedSeconds: Int
}

/// Where the caller stands with the strictest rate limit that applies.
public struct RateStanding: Sendable, Equatable {
    /// Whose limit it is: `key` or `account`, and `key-model` or `account-model` when it is about the model asked for.
    public let scope: String
    /// Requests per minute.
    public let limit: Int
    /// Requests that may come at once.
    public let burst: Int
    /// Requests that may come right now.
    public let remaining: Int
    /// When one more may come; for a request that was refused by the limit, when it may.
    public let nextMicroseconds: Int64
}

/// What a lack of credit is about, at the time of the request.
public struct CreditStanding: Sendable, Equatable {
    /// Credits that could be reserved.
    public let available: Credits
    /// Credits that the request reserves.
    public let needed: Credits

    /// What there is and what is needed.
    public init(available: Credits, needed: Credits) {
        self.available = available
        self.needed = needed
    }
}

/// Where the caller stands with the cap on credits that a request would break.
public struct QuotaStanding: Sendable, Equatable {
    /// Whose cap it is.
    public let scope: QuotaScope
    /// Of which time.
    public let window: QuotaWindow
    /// The most credits of one window.
    public let cap: Credits
    /// What of it is reserved or spent.
    public let used: Credits
    /// Where the window's midnight is.
    public let timeZone: String
    /// When the next window begins.
    public let resetsAt: Date
}

/// Why a request was refused. Nothing was changed, but for the idempotency key of a lack of credit or a cap on credits.
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
    case quotaExceeded(QuotaStanding, CreditStanding)
    case creditsInsufficient(CreditStanding)
}

/// What became of one submission.
public struct Verdict: Sendable {
    /// The task, or why there is none.
    public let outcome: Result<AdmittedTask, Refusal>
    /// Whether it is the answer to an earlier request with the same idempotency key.
    public let replayed: Bool
    /// Nil when no rate limit applies, or when it was not asked.
    public let rate: RateStanding?
    /// Whose waiting tasks are too many, in the words of ``RateStanding/scope``; nil unless they are.
    public let fullScope: String?
}
