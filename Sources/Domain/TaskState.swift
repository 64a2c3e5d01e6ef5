/// Where a task is in its life. The database repeats these rules as constraints of `tasks` and `entries`.
///
/// 1. A task is made together with its reservation: `pending`, one `reserve` entry, one row in `queue`.
/// 2. A claim moves it to `processing`: the queue row becomes a lease. Only the holder of the newest lease can act.
/// 3. A lost or handed-back lease moves it back to `pending`; the reservation stays.
/// 4. A final state comes with exactly one closing entry: `settle` for completed, `refund` for failed and cancelled.
/// 5. A final task never changes again.
public enum TaskState: String, Sendable, CaseIterable {
    /// Waits in the queue. Can become processing or cancelled.
    case pending
    /// Somebody holds its lease. Can become completed, failed, cancelled or, when the lease is lost, pending.
    case processing
    /// Final: the picture is there and the credits are settled.
    case completed
    /// Final: there is an error instead of a picture, and the credits are refunded.
    case failed
    /// Final: withdrawn by the customer, refunded.
    case cancelled

    /// Whether the state is the last.
    public var isFinal: Bool { self == .completed || self == .failed || self == .cancelled }
}

/// Why a task failed, in the words that customers get. Credits are refunded in every case.
public enum TaskFailure: String, Sendable, CaseIterable, Error {
    case generationFailed = "generation_failed_no_content"
    case serviceError = "service_error"
    case timeout = "generation_timeout"
    case policyViolation = "content_policy_violation"
    case operationUnavailable = "invalid_parameters"
    case moderationAway = "service_unavailable"
    case noProvider = "resource_exhausted"

    /// What the customer is told.
    public var message: String {
        switch self {
        case .generationFailed: "The image could not be generated; you were not charged. Try again or change the prompt."
        case .serviceError: "The service failed while working on the image; you were not charged. Try again."
        case .timeout: "The image could not be generated in time; you were not charged. Try again."
        case .policyViolation: "The request was refused by content moderation; you were not charged. Change the prompt."
        case .operationUnavailable:
            "No provider of this model can start from a picture; you were not charged. Leave the pictures out or use another model."
        case .noProvider: "Nobody could take the image in time; you were not charged. Try again later."
        case .moderationAway:
            "Strict moderation could not judge the image; you were not charged. Try again later, or without nsfw_check."
        }
    }
}
