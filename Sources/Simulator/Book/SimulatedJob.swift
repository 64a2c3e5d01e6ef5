public import Domain
public import Foundation

/// What a caller has ordered, in no dialect's words.
public struct SimulatedOrder: Sendable, Equatable {
    /// The text to draw.
    public var prompt: String
    /// The model by the caller's name; empty in dialects that have one model a route.
    public var model = ""
    /// The size in pixels.
    public var size: ImageSize
    /// The size as the caller wrote it; nil when it was left out.
    public var sizeText: String?
    /// The seed, drawn here when the caller left it open.
    public var seed: Int64
    /// Whether the caller gave the seed.
    public var hasSeed = false
    /// How the picture is encoded.
    public var format: ImageFormat
    /// What is done.
    public var operation = TaskOperation.generate
    /// Whether strict moderation was asked for.
    public var nsfwCheck = false
    /// Whether the reply holds the picture instead of a link.
    public var isInline = false
    /// Whether progress is told as events.
    public var isStreamed = false
    /// Whether it came in the API of AUTOMATIC1111, and the reply holds a list of pictures.
    public var isSDAPI = false
    /// Where the end is told; nil for nowhere.
    public var callbackURL: String?
}

/// How a job stands.
public enum SimulatedState: String, Sendable {
    case queued, processing, completed, failed, cancelled

    /// Whether it changes no more.
    public var isEnd: Bool { [.completed, .failed, .cancelled].contains(self) }
}

/// A job that was accepted.
public struct SimulatedJob: Sendable {
    /// Its id in the dialect's form.
    public let id: String
    /// What was ordered.
    public let order: SimulatedOrder
    /// When it was accepted.
    public let createdAt: Date
    /// When it is done, if nothing else happens.
    public internal(set) var doneAt: Date
    /// What it costs, unless it fails or is cancelled.
    public internal(set) var cost: ProviderCost
    /// Why it fails at its end; nil when it will not.
    public internal(set) var failure: String?
    /// Whether it was cancelled.
    public internal(set) var isCancelled = false
    /// Whether the picture is marked as unfit.
    public internal(set) var isFlagged = false
    /// Whether its end is told twice.
    public internal(set) var tellsTwice = false
    /// Links of an earlier generation are dead.
    var linkGeneration = 0

    /// How it stands at a moment.
    public func state(at now: Date) -> SimulatedState {
        if isCancelled { return .cancelled }
        guard now < doneAt else { return failure == nil ? .completed : .failed }
        // The first fifth of its time it waits.
        return now.timeIntervalSince(createdAt) < doneAt.timeIntervalSince(createdAt) / 5 ? .queued : .processing
    }

    /// How far it is, 0 to 100.
    public func progress(at now: Date) -> Int {
        switch state(at: now) {
        case .queued, .failed, .cancelled: 0
        case .completed: 100
        case .processing:
            min(99, Int(100 * now.timeIntervalSince(createdAt) / doneAt.timeIntervalSince(createdAt)))
        }
    }

    /// Whether it is or will be paid for: what fails or is cancelled is free.
    public var isCharged: Bool { failure == nil && !isCancelled }
}

/// One request to make a picture, whatever became of it.
public struct SimulatedSubmit: Sendable {
    /// What became of it.
    public enum Outcome: String, Sendable {
        /// There is a new job, and the caller was told.
        case accepted
        /// There is a new job, and the caller was not told.
        case lost
        /// It repeats an earlier one, and the caller was told of its job.
        case replayed
        /// It was refused with an error.
        case refused
        /// Nothing was done and nothing answered.
        case dropped
    }

    /// 1 for the first.
    public let number: Int
    /// The job's id, where there is one.
    public let id: String?
    /// What was to be drawn; empty where the body could not be read.
    public let prompt: String
    /// The caller's `Idempotency-Key`.
    public let idempotencyKey: String?
    /// What became of it.
    public let outcome: Outcome
    /// What went wrong by the script.
    public let fault: Fault?
    /// Why it was refused.
    public let reason: String?
    /// The fields of the body as they came, in JSON; a form's pictures are their lengths. At most 4,096 bytes of it.
    public let fields: String
}
