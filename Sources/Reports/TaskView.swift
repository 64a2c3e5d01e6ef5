public import Domain
public import Foundation

/// A task as its owner or an operator sees it.
public struct TaskView: Sendable {
    /// The task's number.
    public let id: TaskID
    /// Where it is in its life.
    public let state: TaskState
    /// The account that it belongs to.
    public let accountID: Int64
    /// That account's name.
    public let account: String
    /// Live or test.
    public let mode: String
    /// The model's name.
    public let model: String
    /// The dialect that it was submitted in.
    public let dialect: String
    /// How it is billed.
    public let rule: BillingRule
    /// The user group at submit.
    public let userGroup: String
    /// What was set aside.
    public let reserved: Credits
    /// What it cost; nil while it lives.
    public let settled: Credits?
    /// When it was submitted.
    public let createdAt: Date
    /// When work on it began first.
    public let startedAt: Date?
    /// When it became final.
    public let finishedAt: Date?
    /// How far the work is, in percent.
    public let progress: Int
    /// What the customer may expect for one picture, in seconds.
    public let estimatedSeconds: Int
    /// Why it failed.
    public let errorCode: String?
    /// What the customer is told about it.
    public let errorMessage: String?
    /// The stored pictures, as JSON text of `[{"path", "format", "width", "height", "bytes"}]`.
    public let imagesText: String?
    /// Where its end is announced.
    public let callbackURL: String?
    /// What the customer asked for, as it is stored.
    public let requestText: String
    /// Whether nobody works on it who cannot stop.
    public let canStop: Bool

    /// What the customer asked for.
    public var request: ImageRequest? { try? JSONDecoder().decode(ImageRequest.self, from: Data(requestText.utf8)) }
}

/// One attempt at a task.
public struct AttemptView: Sendable {
    /// 1 for the first.
    public let number: Int
    /// The node that worked on it.
    public let node: String
    /// Who made the picture, or was asked last.
    public let provider: String?
    /// How it ended, or how it stands.
    public let outcome: String
    /// When it began.
    public let startedAt: Date
    /// When it ended.
    public let endedAt: Date?
}
