public import Domain
public import Foundation
public import Postgres

/// Where a submit to a provider stands; `Migrations/0016_provider_submits.sql` says what each word means.
public enum SubmitState: String, Sendable, CaseIterable {
    case intended, unknown, accepted, made, refused, abandoned

    /// Whether an answer is still waited for.
    public var isOpen: Bool {
        switch self {
        case .intended, .unknown, .accepted: true
        case .made, .refused, .abandoned: false
        }
    }
}

/// A submit to a provider, as it is written down.
public struct StoredSubmit: Sendable {
    /// Its number.
    public let id: Int64
    /// The task that it is for.
    public let taskID: TaskID
    /// Which of the task's pictures, from 0 on.
    public let picture: Int
    /// The provider's number.
    public let providerID: Int32
    /// The provider's name.
    public let provider: String
    /// Where it stands.
    public let state: SubmitState
    /// The provider's own id of the job.
    public let providerTaskID: String?
    /// Whether the provider can stop the job.
    public let canCancel: Bool
    /// What the provider is expected to bill; nil when it bills nothing.
    public let cost: ProviderCost?
    /// Why it is refused, unknown or abandoned: the kind in one word.
    public let fault: String?
    /// What was said about that.
    public let message: String?
    /// The lease of the attempt that made it.
    public let lease: Int64
    /// The node that made it.
    public let node: String
    /// When it was written down.
    public let madeAt: Date
    /// When it ended.
    public let endedAt: Date?
    /// Seconds until nobody waits any more, by the database's clock; below 0 when that is past.
    public let secondsLeft: Double

    /// Our name for it at the provider, the same whenever it is repeated.
    public let reference: String

    init(_ row: borrowing Row) throws(PostgresError) {
        id = try row.get(0)
        taskID = TaskID(try row.get(1))
        picture = try row.get(2)
        providerID = Int32(try row.get(3, as: Int.self))
        provider = try row.get(4)
        state = SubmitState(rawValue: try row.get(5)) ?? .unknown
        providerTaskID = try row.get(6)
        canCancel = try row.get(7)
        let (micro, currency): (Int64?, String?) = (try row.get(8), try row.get(9))
        cost = if let micro, let currency { ProviderCost(micro: micro, currency: currency) } else { nil }
        fault = try row.get(10)
        message = try row.get(11)
        lease = try row.get(12)
        node = try row.get(13)
        madeAt = try row.get(14)
        endedAt = try row.get(15)
        reference = try row.get(16)
        secondsLeft = Double(try row.get(17, as: Int64.self)) / 1000
    }
}

/// What `begin_submit` says.
public enum SubmitVerdict: Sendable, Equatable {
    /// It is written down and may leave.
    case begun(id: Int64)
    /// The lease is no longer held: somebody else works on the task.
    case stale
    /// The provider has as many jobs as it may.
    case full
    /// The provider gets too many requests; seconds to wait.
    case limited(seconds: Double)
    /// Another submit for the picture may still be billed.
    case taken
}

/// What is written down of submits to providers: before they leave, and of every answer. Rule 9 is kept by the database: while
/// a submit may be billed, there is no other for the same picture.
public struct SubmitBook: Sendable {
    /// The channel on which nodes hint at submits that are worth asking for, by their references.
    public static let channel = "submits"

    /// A book.
    public init() {}

    /// A new name for a submit: 122 bits by chance.
    public static func newReference() -> String { "zimage-\(UUID().uuidString.lowercased())" }

    /// Writes down a submit that is about to leave.
    public func begin(
        lease: Int64, picture: Int, provider: Int32, canCancel: Bool, cost: ProviderCost?,
        reference: String = newReference(), in session: any Session
    ) async throws(PostgresError) -> SubmitVerdict {
        let parameters = [
            Parameter(lease), Parameter(Int32(picture)), Parameter(provider), Parameter(canCancel), Parameter(cost?.micro),
            Parameter(cost?.currency), Parameter(reference),
        ]
        return try await session.one(SubmitStatements.begin, parameters) { (row) throws(PostgresError) in
            let id: Int64? = try row.get(1)
            switch try row.get(0, as: String.self) {
            case "begun": return .begun(id: id ?? 0)
            case "full": return .full
            case "limited": return .limited(seconds: Double(try row.get(2, as: Int64.self)) / 1000)
            case "taken": return .taken
            default: return .stale
            }
        }
    }

    /// Writes down what became of a submit; it can be repeated, and goes forward only.
    /// - Returns: whether it is news.
    @discardableResult
    public func record(
        _ id: Int64, _ state: SubmitState, providerTaskID: String? = nil, cost: ProviderCost? = nil, fault: String? = nil,
        message: String? = nil, in session: any Session
    ) async throws(PostgresError) -> Bool {
        let parameters = [
            Parameter(id), Parameter(state.rawValue), Parameter(providerTaskID), Parameter(cost?.micro), Parameter(cost?.currency),
            Parameter(fault), Parameter(message),
        ]
        return try await session.one(SubmitStatements.record, parameters) { (row) throws(PostgresError) in try row.get(0) }
    }

    /// The submits of a task, from the first on.
    public func submits(of task: TaskID, in session: any Session) async throws(PostgresError) -> [StoredSubmit] {
        try await session.query(SubmitStatements.ofTask, [Parameter(task.value)]) { (row) throws(PostgresError) in
            try StoredSubmit(row)
        }
    }

    /// A submit by its number.
    public func submit(_ id: Int64, in session: any Session) async throws(PostgresError) -> StoredSubmit? {
        try await session.first(SubmitStatements.some, [Parameter([id])]) { (row) throws(PostgresError) in try StoredSubmit(row) }
    }

    /// Hints to other nodes that these submits are worth asking for. Sent alone, never in a transaction that does something else.
    public func hint(_ references: [String], in session: any Session) async throws(PostgresError) {
        try await session.execute(SubmitStatements.notify, [Parameter(references)])
    }

    /// Submits whose tasks ended before them and that somebody should ask about; nobody else gets them for a while.
    public func late(
        limit: Int, leaveAloneSeconds: Double, in session: any Session
    ) async throws(PostgresError) -> [StoredSubmit] {
        let parameters = [Parameter(Int32(limit)), Parameter(Int64(leaveAloneSeconds * 1000))]
        let ids = try await session.query(SubmitStatements.late, parameters) { (row) throws(PostgresError) in
            try row.get(0, as: Int64.self)
        }
        guard !ids.isEmpty else { return [] }
        return try await session.query(SubmitStatements.some, [Parameter(ids)]) { (row) throws(PostgresError) in
            try StoredSubmit(row)
        }
    }
}
