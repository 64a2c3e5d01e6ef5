public import Domain
public import Foundation

/// The right to finish an attempt: a number that only grows. Whoever holds an older one can change nothing.
public struct Lease: Sendable, Hashable {
    /// The number.
    public let value: Int64
    /// Wraps a number from the database.
    public init(_ value: Int64) { self.value = value }
}

/// A task that this node may work on while its lease lasts.
public struct ClaimedTask: Sendable {
    /// The right to finish it.
    public let lease: Lease
    /// The task.
    public let id: TaskID
    /// 1 for the first attempt.
    public let attempt: Int
    /// The wallet that pays; where the next claim goes on.
    public let walletID: Int64
    /// Live or test.
    public let mode: AccountMode
    /// The model's name.
    public let model: String
    /// What is done.
    public let operation: TaskOperation
    /// What to draw.
    public let image: ImageRequest
    /// When the customer submitted it.
    public let createdAt: Date
    /// The account's user group at submit.
    public let groupID: Int32
    /// How long ago work on it began first, in seconds, by the database's clock.
    public let secondsSinceStart: Double
}

/// A stored picture of a task.
public struct TaskImage: Sendable, Equatable, Codable {
    /// Where the store has it.
    public let path: String
    /// How it is encoded.
    public let format: ImageFormat
    /// Pixels from left to right.
    public let width: Int
    /// Pixels from top to bottom.
    public let height: Int
    /// Its size in bytes.
    public let bytes: Int

    /// Describes a stored picture.
    public init(path: String, format: ImageFormat, size: ImageSize, bytes: Int) {
        self.path = path
        self.format = format
        width = size.width
        height = size.height
        self.bytes = bytes
    }

    var json: JSON {
        .object([
            ("path", .string(path)), ("format", .string(format.rawValue)), ("width", .int(Int64(width))),
            ("height", .int(Int64(height))), ("bytes", .int(Int64(bytes))),
        ])
    }
}

/// How an attempt ended, and with it the task.
public struct Ending: Sendable {
    /// The picture, or why there is none.
    public enum Outcome: Sendable {
        case completed(images: [TaskImage])
        case failed(code: String, message: String)
    }

    /// The right to end it.
    public let lease: Lease
    /// How it ended.
    public let outcome: Outcome
    /// Seconds or tokens that were used, for prices that count them.
    public let units: Int
    /// Who made the picture.
    public let provider: String?
    /// The provider's own id of the task, by which its invoice names it.
    public let providerTaskID: String?
    /// What the provider is expected to bill; nil when it bills nothing.
    public let cost: ProviderCost?

    /// The end of an attempt.
    public init(
        lease: Lease, outcome: Outcome, units: Int, provider: String?, providerTaskID: String? = nil,
        cost: ProviderCost? = nil
    ) {
        self.lease = lease
        self.outcome = outcome
        self.units = units
        self.provider = provider
        self.providerTaskID = providerTaskID
        self.cost = cost
    }
}

/// What `close_tasks` says to an ending.
public enum CloseVerdict: Sendable, Equatable {
    /// State, money, usage and callback are written.
    case closed
    /// The lease was no longer held: somebody else ends the task, and this ending changed nothing.
    case stale
    /// The answer was lost: it may be closed or not, so nothing may be undone.
    case unknown
}

/// What `cancel_tasks` says to a task.
public enum CancelVerdict: String, Sendable, Equatable {
    /// It is withdrawn, and its reservation refunded.
    case cancelled
    /// It runs, and only waiting tasks were to be withdrawn.
    case running
    /// It had ended before; nothing was changed.
    case final
    /// There is no such task in that wallet.
    case unknown
}
