public import Postgres
import Synchronization

/// Knows the number that grows with every change that narrows somebody's rights, and how fresh that knowledge is.
/// What is remembered of a key may be used only while the number stands still and was read within ``staleSeconds``:
/// so a revoked key stops on every node in time, also when notifications are lost.
public final class EpochWatch: Sendable {
    private struct State {
        var epoch: Int64 = 0
        var readAt: ContinuousClock.Instant?
    }

    /// The channel on which the database hints at changes.
    public static let channel = "auth_epoch"

    /// How old a reading may be.
    static let staleSeconds = 2.0

    private let session: any Session
    private let state = Mutex(State())
    private let now: @Sendable () -> ContinuousClock.Instant

    /// - Parameters:
    ///   - session: where the number is read.
    ///   - now: the clock; tests drive it.
    public init(_ session: any Session, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.session = session
        self.now = now
    }

    /// Reads the number. Called every second, and at once when a notification hints at a change.
    public func refresh() async throws(PostgresError) {
        // The time is taken before the query: the answer may be as old as the question.
        let asked = now()
        let epoch = try await session.one(KeysStatements.epoch) { (row) throws(PostgresError) in
            try row.get(0, as: Int64.self)
        }
        state.withLock {
            $0.epoch = max($0.epoch, epoch)
            $0.readAt = asked
        }
    }

    /// The number, reading it first when the last reading is too old.
    func current() async throws(KeyError) -> Int64 {
        if let epoch = fresh() { return epoch }
        do { try await refresh() } catch { throw .unavailable }
        guard let epoch = fresh() else { throw .unavailable }
        return epoch
    }

    private func fresh() -> Int64? {
        let limit = Duration.seconds(Self.staleSeconds)
        let now = now()
        return state.withLock { state in
            guard let readAt = state.readAt, now - readAt < limit else { return nil }
            return state.epoch
        }
    }
}
