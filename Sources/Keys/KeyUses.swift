import Foundation
public import Postgres
import Synchronization

/// Remembers which keys were used, and writes it down in one statement from time to time: for a key that is used all the
/// time, once a minute.
public final class KeyUses: Sendable {
    private struct State {
        /// The minute in which the use of a key was last noted here.
        var minutes: [Int64: Int] = [:]
        var waiting: Set<Int64> = []
    }

    /// What is remembered beyond this is forgotten; a key is then noted once more.
    private static let keysMax = 100_000

    private let state = Mutex(State())

    /// No uses yet.
    public init() {}

    func note(_ keyID: Int64, _ at: Date) {
        let minute = Int(at.timeIntervalSince1970 / 60)
        state.withLock { state in
            guard state.minutes[keyID] != minute else { return }
            if state.minutes.count >= Self.keysMax { state.minutes.removeAll() }
            state.minutes[keyID] = minute
            state.waiting.insert(keyID)
        }
    }

    /// Writes what was noted since the last time. What cannot be written waits for the next time.
    public func write(in session: any Session) async throws(PostgresError) {
        let keys = state.withLock { state in
            let keys = state.waiting
            state.waiting = []
            return keys
        }
        guard !keys.isEmpty else { return }
        do { try await session.execute(KeysStatements.used, [Parameter(keys.sorted())]) } catch {
            state.withLock { $0.waiting.formUnion(keys) }
            throw error
        }
    }
}
