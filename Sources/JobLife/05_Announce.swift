public import Callbacks
public import Domain
import Foundation
public import Keys
public import Logging
public import Postgres
public import Reports
import Synchronization

/// Step 5: sends the callbacks that closing wrote down, after the billing is final.
///
/// A receiver that does not answer takes a place for the length of a timeout. It holds up nobody: of one account only a few
/// callbacks are under way at once, so it leaves nearly all places to others, and a place is given to the next
/// callback as soon as it is free. Bodies that hold pictures are large, so only a few of them are in memory at once; the
/// others are put back for a second and take no place meanwhile.
public final class Announce: Sendable {
    /// Callbacks of this node that are under way at once.
    private static let placesMax = 128
    /// Longer than a delivery may take.
    private static let takenSeconds = 30
    private static let pollSeconds = 0.5
    private static let putBackMilliseconds = 1000

    private let pool: ConnectionPool
    private let sender: CallbackSender
    private let secrets: CallbackSecrets
    private let egress: EgressRule
    private let render: @Sendable (TaskView) async throws -> [UInt8]
    private let outbox = Outbox()
    private let reports = ReportBook()
    private let signal = Signal()
    private let underWay = Atomic<Int>(0)
    private let pictures: ByteBudget
    private let logger: Logger

    /// - Parameters:
    ///   - secret: the installation's, for the secrets that sign what is sent.
    ///   - egress: the addresses that may be called.
    ///   - render: the reply to a query for the task, in its dialect: the callback's body.
    public convenience init(
        _ pool: ConnectionPool, sender: CallbackSender, secret: ServiceSecret, egress: EgressRule,
        render: @escaping @Sendable (TaskView) async throws -> [UInt8], logger: Logger
    ) {
        self.init(
            pool, sender: sender, secret: secret, egress: egress, pictureBytesMax: ByteBudget.picturesMax, render: render, logger: logger)
    }

    init(
        _ pool: ConnectionPool, sender: CallbackSender, secret: ServiceSecret, egress: EgressRule, pictureBytesMax: Int,
        render: @escaping @Sendable (TaskView) async throws -> [UInt8], logger: Logger
    ) {
        self.pool = pool
        self.sender = sender
        secrets = CallbackSecrets(secret: secret)
        self.egress = egress
        pictures = ByteBudget(bytesMax: pictureBytesMax)
        self.render = render
        self.logger = logger
    }

    /// Tasks were closed: callbacks may be due.
    public func tasksClosed() { signal.send() }

    /// Sends callbacks until the task is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            var place: Int64 = 0
            while !Task.isCancelled {
                let free = Self.placesMax - underWay.load(ordering: .acquiring)
                let taken = free > 0 ? await take(free, after: place) : TakenCallbacks(callbacks: [], place: place)
                for callback in taken.callbacks {
                    underWay.add(1, ordering: .acquiringAndReleasing)
                    group.addTask {
                        await self.send(callback)
                        self.underWay.subtract(1, ordering: .acquiringAndReleasing)
                        self.signal.send()
                    }
                }
                place = taken.place
                // Not all accounts were visited yet, and there may be room for what they have.
                if free > taken.callbacks.count, place != 0 { continue }
                await signal.wait(atMost: .seconds(Self.pollSeconds))
            }
        }
    }

    private func take(_ count: Int, after place: Int64) async -> TakenCallbacks {
        do {
            return try await outbox.take(count, after: place, forSeconds: Self.takenSeconds, in: pool)
        } catch {
            logger.warning("cannot read the callbacks", metadata: ["error": "\(error)"])
            return TakenCallbacks(callbacks: [], place: 0)
        }
    }

    private func send(_ callback: DueCallback) async {
        do {
            guard let (outcome, duration) = try await attempt(callback) else { return }
            let milliseconds = Int(duration / .milliseconds(1))
            try await outbox.record(outcome, of: callback, milliseconds: milliseconds, jitter: .random(in: 0...1), in: pool)
        } catch {
            // It is due again by itself when its time is over.
            logger.warning("cannot deliver a callback", metadata: ["callback": "\(callback.id)", "error": "\(error)"])
        }
    }

    /// One try: how it ended and how long the call took; nil where none was made.
    private func attempt(_ callback: DueCallback) async throws -> (DeliveryOutcome, Duration)? {
        if callback.isLost { return (.failed(status: nil, reason: .lost), .zero) }
        guard let task = try await reports.task(callback.taskID, in: pool), let text = task.callbackURL else { return nil }
        let url: CallbackURL
        do { url = try CallbackURL(text, egress: egress) } catch {
            // The rule was narrowed after the task was submitted.
            return (.failed(status: nil, reason: .addressNotPermitted), .zero)
        }
        let bytes = task.inlineBytes
        guard pictures.take(bytes) else {
            try await outbox.putBack(callback, milliseconds: Self.putBackMilliseconds, in: pool)
            return nil
        }
        defer { pictures.giveBack(bytes) }
        let body = try await render(task)
        let timestamp = String(Int(Date().timeIntervalSince1970))
        let signatures = try await secrets.current(of: task.accountID, in: pool).map {
            $0.signature(id: callback.headerID, timestamp: timestamp, body: body)
        }
        let headers = [("webhook-timestamp", timestamp), ("webhook-signature", signatures.joined(separator: " "))]
        let start = ContinuousClock.now
        let outcome = try await sender.deliver(body, to: url, id: callback.headerID, extraHeaders: headers)
        return (outcome, .now - start)
    }
}

extension TaskView {
    private struct StoredImage: Decodable { let bytes: Int }

    /// How large the pictures are that replies about it hold themselves, in base64.
    fileprivate var inlineBytes: Int {
        guard let imagesText, request?.isInline == true else { return 0 }
        let images = try? JSONDecoder().decode([StoredImage].self, from: Data(imagesText.utf8))
        return (images ?? []).reduce(0) { $0 + ($1.bytes + 2) / 3 * 4 }
    }
}
