public import Callbacks
public import Domain
import Foundation
public import Logging
public import Postgres
public import Reports

/// Step 5: sends the callbacks that closing wrote down, after the billing is final.
public final class Announce: Sendable {
    private static let batchMax = 32
    /// Longer than a delivery may take.
    private static let takenSeconds = 30
    private static let pollSeconds = 0.5

    private let pool: ConnectionPool
    private let sender: CallbackSender
    private let egress: EgressRule
    private let render: @Sendable (TaskView) -> [UInt8]
    private let outbox = Outbox()
    private let reports = ReportBook()
    private let signal = Signal()
    private let logger: Logger

    /// - Parameters:
    ///   - render: the reply to a query for the task, in its dialect: the callback's body.
    ///   - egress: the addresses that may be called.
    public init(
        _ pool: ConnectionPool, sender: CallbackSender, egress: EgressRule,
        render: @escaping @Sendable (TaskView) -> [UInt8], logger: Logger
    ) {
        self.pool = pool
        self.sender = sender
        self.egress = egress
        self.render = render
        self.logger = logger
    }

    /// Tasks were closed: callbacks may be due.
    public func tasksClosed() { signal.send() }

    /// Sends callbacks until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do {
                let due = try await outbox.take(Self.batchMax, forSeconds: Self.takenSeconds, in: pool)
                await withDiscardingTaskGroup { group in
                    for callback in due { group.addTask { await self.send(callback) } }
                }
                if due.count == Self.batchMax { continue }
            } catch {
                logger.warning("cannot read the callbacks", metadata: ["error": "\(error)"])
            }
            await signal.wait(atMost: .seconds(Self.pollSeconds))
        }
    }

    private func send(_ callback: DueCallback) async {
        do {
            guard let outcome = try await attempt(callback) else { return }
            try await outbox.record(outcome, of: callback, jitter: .random(in: 0...1), in: pool)
        } catch {
            // It is due again by itself when its time is over.
            logger.warning("cannot deliver a callback", metadata: ["callback": "\(callback.id)", "error": "\(error)"])
        }
    }

    private func attempt(_ callback: DueCallback) async throws -> DeliveryOutcome? {
        guard let task = try await reports.task(callback.taskID, in: pool) else { return nil }
        let url: CallbackURL
        do { url = try CallbackURL(callback.url, egress: egress) } catch {
            // The rule was narrowed after the task was submitted.
            return .failed(status: nil, reason: .addressNotPermitted)
        }
        let timestamp = ("webhook-timestamp", String(Int(Date().timeIntervalSince1970)))
        return try await sender.deliver(
            render(task), to: url, id: "callback-\(callback.id)", extraHeaders: [timestamp])
    }
}
