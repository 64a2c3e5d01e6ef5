import Synchronization

/// A bounded set of connections that callers borrow. Connections are made when needed and thrown away when
/// broken, so a restarted server is found again without help.
public final class ConnectionPool: Sendable {
    private struct State {
        var idle: [Connection] = []
        var open = 0
        var waiters: [CheckedContinuation<Bool, Never>] = []
    }

    private let address: DatabaseAddress
    private let connectionsMax: Int
    /// Beyond this many waiting callers an honest refusal is better than a longer queue.
    private let waitersMax = 4096
    private let state = Mutex(State())

    /// - Parameters:
    ///   - address: where the database is.
    ///   - connectionsMax: how many sessions this process may hold.
    public init(_ address: DatabaseAddress, connectionsMax: Int) {
        self.address = address
        self.connectionsMax = connectionsMax
    }

    /// Lends a connection for the time of the body.
    public func withConnection<T: Sendable>(
        _ body: @Sendable (Connection) async throws -> T
    ) async throws -> T {
        let connection = try await lease()
        do {
            let value = try await body(connection)
            await giveBack(connection)
            return value
        } catch {
            await giveBack(connection)
            throw error
        }
    }

    private enum Turn { case use(Connection), open, wait }

    private func lease() async throws(PostgresError) -> Connection {
        while true {
            let turn = state.withLock { state -> Turn in
                if let connection = state.idle.popLast() { return .use(connection) }
                guard state.open < connectionsMax else { return .wait }
                state.open += 1
                return .open
            }
            switch turn {
            case .use(let connection):
                if await connection.isUsable() { return connection }
                discard()
            case .open:
                do { return try await Connection.open(address) } catch {
                    discard()
                    throw error
                }
            case .wait:
                try await waitForTurn()
            }
        }
    }

    /// Returns when a connection may have become free; the caller looks again.
    private func waitForTurn() async throws(PostgresError) {
        let admitted = await withCheckedContinuation { continuation in
            let answer = state.withLock { state -> Bool? in
                if !state.idle.isEmpty || state.open < connectionsMax { return true }
                if state.waiters.count >= waitersMax { return false }
                state.waiters.append(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
        if !admitted { throw PostgresError(.poolExhausted, detail: "") }
    }

    private func giveBack(_ connection: Connection) async {
        guard await connection.isUsable() else { return discard() }
        wakeOne { $0.idle.append(connection) }
    }

    private func discard() { wakeOne { $0.open -= 1 } }

    private func wakeOne(_ change: (inout sending State) -> Void) {
        let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            change(&state)
            return state.waiters.isEmpty ? nil : state.waiters.removeFirst()
        }
        waiter?.resume(returning: true)
    }
}

extension ConnectionPool: Session {
    /// Runs one statement in a transaction of its own, again when a deadlock or a serialization failure undid it.
    public func query<T: Sendable>(
        _ statement: Statement, _ parameters: [Parameter],
        decode: @Sendable (Row) throws(PostgresError) -> T
    ) async throws(PostgresError) -> [T] {
        var triesLeft = Self.triesMax
        while true {
            let connection = try await lease()
            let result: Result<[T], PostgresError>
            do { result = .success(try await connection.query(statement, parameters, decode: decode)) } catch {
                result = .failure(error)
            }
            await giveBack(connection)
            triesLeft -= 1
            if case .failure(let error) = result, error.isTransient, triesLeft > 0 { continue }
            return try result.get()
        }
    }

    static let triesMax = 5
}
