import Domain
public import Logging
public import Postgres
public import Providers

/// Finds out what became of submits whose tasks ended before them: cancelled by the customer, or failed at their deadline. What
/// can be stopped is stopped. A picture that is made late is written down with its cost, so that the invoice holds no surprise;
/// the customer does not pay for it.
public struct LateSubmits: Sendable {
    private static let batchMax = 64
    private static let leaveAloneSeconds = 15.0
    /// How long after its deadline a job is still asked for, in seconds.
    private static let lateSeconds = 3600.0

    private let routes: Routes
    private let pool: ConnectionPool
    private let book = SubmitBook()
    private let logger: Logger

    /// - Parameters:
    ///   - routes: the providers.
    ///   - pool: where submits are written down.
    public init(routes: Routes, _ pool: ConnectionPool, logger: Logger) {
        self.routes = routes
        self.pool = pool
        self.logger = logger
    }

    /// Asks about what is due.
    /// - Returns: how many submits that were.
    @discardableResult
    public func callAsFunction() async -> Int {
        do {
            let due = try await book.late(
                limit: Self.batchMax, leaveAloneSeconds: Self.leaveAloneSeconds, in: pool)
            // Beside each other: one provider that hangs does not hold the others up.
            await withDiscardingTaskGroup { group in
                for submit in due { group.addTask { await self.ask(submit) } }
            }
            return due.count
        } catch {
            logger.warning("cannot look for late submits", metadata: ["error": "\(error)"])
            return 0
        }
    }

    private func ask(_ submit: StoredSubmit) async {
        do {
            guard let route = routes.route(submit, model: "") else { return try await giveUp(submit) }
            guard let id = submit.providerTaskID else {
                if route.billsNothing { return try await record(submit, .refused, fault: .cancelled) }
                return try await giveUp(submit)
            }
            if submit.canCancel, await route.provider.cancel(id) == .cancelled {
                return try await record(submit, .refused, fault: .cancelled, message: "it was stopped")
            }
            switch await route.provider.poll(id) {
            case .made(let picture): try await record(submit, .made, cost: picture.cost, message: "after its task had ended")
            case .failed(let fault): try await record(submit, .refused, fault: FaultWord(fault), message: fault.message)
            case .waiting, .missing, .unanswered: try await giveUp(submit, after: Self.lateSeconds)
            }
        } catch {
            logger.warning("cannot follow a late submit", metadata: ["error": "\(error)", "submit": "\(submit.id)"])
        }
    }

    private func giveUp(_ submit: StoredSubmit, after seconds: Double = 0) async throws {
        guard submit.secondsLeft < -seconds else { return }
        try await record(submit, .abandoned, fault: .unknown, message: "no answer came until its deadline")
    }

    /// Once: while the database is away nobody waits for it here, and the next one who asks hears the same.
    private func record(
        _ submit: StoredSubmit, _ state: SubmitState, cost: ProviderCost? = nil, fault: FaultWord? = nil, message: String? = nil
    ) async throws {
        _ = try await book.record(submit.id, state, cost: cost, fault: fault?.rawValue, message: message, in: pool)
    }
}
