public import Domain
public import Postgres

/// A callback whose next try is due.
public struct DueCallback: Sendable {
    /// The callback's number, the same for each try.
    public let id: Int64
    /// The final task that it announces.
    public let taskID: TaskID
    /// Which try this is, from 1. What a dying node took and did not record does not count.
    public let attempt: Int
    /// How often it was taken since a try was last recorded, this time included.
    public let taken: Int

    /// The header `webhook-id`: the same for each try, so that the receiver knows a repeated one.
    public var headerID: String { "callback-\(id)" }
    /// True when so many nodes went silent with it that calling again is no way to find out more.
    public var isLost: Bool { taken > Outbox.takesMax }
}

/// Callbacks that were taken, and where to go on.
public struct TakenCallbacks: Sendable {
    /// What was taken.
    public let callbacks: [DueCallback]
    /// The account after which to go on; 0 when all were visited.
    public let place: Int64

    /// What was taken, and the account after which to go on.
    public init(callbacks: [DueCallback], place: Int64) {
        self.callbacks = callbacks
        self.place = place
    }
}

/// The callbacks that closing tasks wrote down.
public struct Outbox: Sendable {
    /// The most callbacks of one account that are under way at once, on all nodes together.
    public static let perAccount = 4
    /// So many nodes in a row may go silent with a callback before that counts as a failed try.
    public static let takesMax = 5
    /// How long tries stay in the log.
    public static let deliveryDays = 30

    /// The outbox has no state.
    public init() {}

    /// Takes callbacks that are due, visiting the accounts after the given one. One that is not recorded within the time is
    /// due again.
    public func take(
        _ count: Int, after place: Int64, forSeconds seconds: Int, in session: any Session
    ) async throws(PostgresError) -> TakenCallbacks {
        let rows = try await session.query(
            CallbacksStatements.claim,
            [
                Parameter(Int32(count)), Parameter(place), Parameter(Int32(Self.perAccount)), Parameter(Int32(seconds)),
            ]
        ) { (row) throws(PostgresError) -> (due: DueCallback?, account: Int64) in
            let account: Int64 = try row.get(2)
            guard let id = try row.get(0, as: Int64?.self) else { return (nil, account) }
            let due = DueCallback(
                id: id, taskID: TaskID(try row.get(1)), attempt: try row.get(3, as: Int.self) + 1, taken: try row.get(4))
            return (due, account)
        }
        return TakenCallbacks(callbacks: rows.compactMap(\.due), place: rows.last?.account ?? 0)
    }

    /// Records how a try ended and when the next one is due, with a line in the log.
    /// - Parameter jitter: a random number from 0 to 1.
    public func record(
        _ outcome: DeliveryOutcome, of callback: DueCallback, milliseconds: Int, jitter: Double, in session: any Session
    ) async throws(PostgresError) {
        var (state, status, error, delay) = ("delivered", Int?.none, String?.none, Double?.none)
        switch outcome {
        case .delivered(let answer): status = answer
        case .failed(let answer, let reason, let retryAfter):
            (status, error) = (answer, reason.rawValue)
            delay = DeliverySchedule.nextDelaySeconds(
                afterAttempt: callback.attempt, reason: reason, retryAfterSeconds: retryAfter, jitter: jitter)
            state = delay == nil ? "given_up" : "waiting"
        }
        try await session.execute(
            CallbacksStatements.record,
            [
                Parameter(callback.id), Parameter(state), Parameter(status.map(Int32.init)), Parameter(error),
                Parameter(delay.map { Int64($0 * 1000) }), Parameter(Int32(callback.taken)),
                Parameter(Int32(clamping: milliseconds)),
            ])
    }

    /// Puts a callback back that was taken and is not tried now; it is due again after the time, and no try was made.
    public func putBack(_ callback: DueCallback, milliseconds: Int, in session: any Session) async throws(PostgresError) {
        try await session.execute(
            CallbacksStatements.putBack,
            [Parameter(callback.id), Parameter(Int32(callback.taken)), Parameter(Int64(milliseconds))])
    }

    /// Removes what is too old from the log, some at a time; answers how many lines. Call it again while it is not 0.
    public func sweepDeliveries(in session: any Session) async throws(PostgresError) -> Int {
        try await session.one(CallbacksStatements.sweep, [Parameter(Int32(Self.deliveryDays))]) { (row) throws(PostgresError) in
            try row.get(0)
        }
    }
}
