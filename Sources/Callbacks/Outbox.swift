public import Domain
public import Postgres

/// A callback whose next attempt is due. Taking it counts as the attempt, so a node that dies cannot try for ever.
public struct DueCallback: Sendable {
    /// The callback's number, the same for each attempt.
    public let id: Int64
    /// The final task that it announces.
    public let taskID: TaskID
    /// Where to.
    public let url: String
    /// Which attempt this is, from 1.
    public let attempt: Int
}

/// The callbacks that closing tasks wrote down.
public struct Outbox: Sendable {
    /// The outbox has no state.
    public init() {}

    /// Takes callbacks that are due. One that is not recorded as delivered or failed within the time is due again.
    public func take(
        _ count: Int, forSeconds seconds: Int, in session: any Session
    ) async throws(PostgresError) -> [DueCallback] {
        try await session.query(CallbacksStatements.claim, [Parameter(Int32(count)), Parameter(Int32(seconds))]) {
            (row) throws(PostgresError) in
            DueCallback(
                id: try row.get(0), taskID: TaskID(try row.get(1)), url: try row.get(2), attempt: try row.get(3))
        }
    }

    /// Records how an attempt ended and when the next one is due.
    /// - Parameter jitter: a random number from 0 to 1.
    public func record(
        _ outcome: DeliveryOutcome, of callback: DueCallback, jitter: Double, in session: any Session
    ) async throws(PostgresError) {
        switch outcome {
        case .delivered(let status):
            try await session.execute(
                CallbacksStatements.delivered, [Parameter(callback.id), Parameter(Int32(status))])
        case .failed(let status, let reason):
            let delay = DeliverySchedule.nextDelaySeconds(afterAttempt: callback.attempt, jitter: jitter)
            try await session.execute(
                CallbacksStatements.failed,
                [
                    Parameter(callback.id), Parameter(status.map(Int32.init)), Parameter(reason.rawValue),
                    Parameter(delay.map { Int64($0 * 1000) }),
                ])
        }
    }
}
