import Foundation
import Postgres
import Synchronization
import TestSupport

/// Lets everybody on once the expected number has come, and whoever comes later at once. A cancelled waiter lets all
/// on, so that a test that fails here ends at its time limit.
final class Rendezvous: Sendable {
    private let state: Mutex<(missing: Int, waiting: [CheckedContinuation<Void, Never>])>

    init(_ expected: Int) { state = Mutex((expected, [])) }

    func meet() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                resume(state.withLock { state in
                    state.missing -= 1
                    state.waiting.append(continuation)
                    return Self.leaving(&state)
                })
            }
        } onCancel: {
            open()
        }
    }

    /// Lets all on, whoever is missing.
    func open() {
        resume(state.withLock { state in
            state.missing = 0
            return Self.leaving(&state)
        })
    }

    private static func leaving(
        _ state: inout (missing: Int, waiting: [CheckedContinuation<Void, Never>])
    ) -> [CheckedContinuation<Void, Never>] {
        guard state.missing <= 0 else { return [] }
        defer { state.waiting = [] }
        return state.waiting
    }

    private func resume(_ waiting: [CheckedContinuation<Void, Never>]) { waiting.forEach { $0.resume() } }
}

/// A number that many tasks change.
final class Counter: Sendable {
    private let state = Mutex((now: 0, most: 0))

    @discardableResult
    func add(_ number: Int = 1) -> Int {
        state.withLock { state in
            state.now += number
            state.most = max(state.most, state.now)
            return state.now
        }
    }

    var value: Int { state.withLock { $0.now } }
    /// The largest that the number ever was.
    var most: Int { state.withLock { $0.most } }
}

/// What a test's own body throws.
struct Stop: Error, Equatable {}

extension TestDatabase {
    /// A database of the same cluster without any table.
    func empty() async throws -> DatabaseAddress {
        let name = "m_" + UUID().uuidString.lowercased().replacing("-", with: "")
        try await rows("create database \(name)")
        return address(database: name)
    }

    /// The owner's address of another database of the cluster.
    func address(database name: String) -> DatabaseAddress {
        guard let query = url.firstIndex(of: "?") else { return ownerAddress }
        return DatabaseAddress(url: "postgresql:///\(name)\(url[query...])", role: nil)
    }

    /// Ends every session on this database but the one that does it, and waits until they are gone.
    func terminateSessions(where condition: String = "true") async throws -> Int {
        let admin = try await Connection.open(ownerAddress)
        let rows = try await admin.runText(
            """
            select pg_terminate_backend(pid, 10000) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and \(condition)
            """)
        return rows.count { $0 == ["t"] }
    }
}

/// The error that the body throws; anything else is a failure of the test.
func postgresError(_ body: () async throws -> Void) async throws -> PostgresError {
    do { try await body() } catch let error as PostgresError { return error }
    throw TestFailure("no error was thrown")
}
