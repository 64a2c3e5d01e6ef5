import Foundation
import Postgres
import Synchronization
import Testing

/// The suites of this module run one test at a time, so that all modules together stay below the connections of the
/// one cluster that they share.
@Suite(.serialized, .timeLimit(.minutes(5))) enum KeysSuites {}

/// A session that nobody may ask anything.
struct ForbiddenSession: Session {
    func query<T: Sendable>(
        _ statement: Statement, _ parameters: [Parameter], decode: @Sendable (Row) throws(PostgresError) -> T
    ) async throws(PostgresError) -> [T] {
        Issue.record("\(statement.name) was asked of the database")
        throw .unexpectedContent(of: statement.name)
    }
}

/// Counts what is asked of the database, and can lose it.
final class WatchedSession: Session {
    private let inner: ConnectionPool
    private let counts = Mutex<[String: Int]>([:])
    private let dead = Atomic<Bool>(false)

    init(_ inner: ConnectionPool) { self.inner = inner }

    /// How often a statement was asked since the last time that this was read.
    func asked(_ name: String) -> Int { counts.withLock { $0.removeValue(forKey: name) ?? 0 } }

    /// From now on every statement fails, or works again.
    func setDead(_ isDead: Bool) { dead.store(isDead, ordering: .sequentiallyConsistent) }

    func query<T: Sendable>(
        _ statement: Statement, _ parameters: [Parameter], decode: @Sendable (Row) throws(PostgresError) -> T
    ) async throws(PostgresError) -> [T] {
        counts.withLock { $0[statement.name, default: 0] += 1 }
        if dead.load(ordering: .sequentiallyConsistent) { throw .unexpectedContent(of: statement.name) }
        return try await inner.query(statement, parameters, decode: decode)
    }
}

/// A clock that moves when it is told to.
final class DrivenClock: Sendable {
    private let instant = Mutex(ContinuousClock.now)
    var now: ContinuousClock.Instant { instant.withLock { $0 } }
    func advance(by duration: Duration) { instant.withLock { $0 += duration } }
}

/// A date that moves when it is told to.
final class DrivenDate: Sendable {
    private let date = Mutex(Date(timeIntervalSince1970: 1_800_000_000))
    var now: Date { date.withLock { $0 } }
    func advance(by seconds: TimeInterval) { date.withLock { $0 += seconds } }
}
