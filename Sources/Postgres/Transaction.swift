/// What a transaction may see and do.
public enum TransactionMode: Sendable {
    /// READ COMMITTED, for writes: every rule rests on row locks, checks and unique keys.
    case readWrite
    /// One snapshot for all statements, for reports that must agree with themselves.
    case readOnlySnapshot

    var sql: String {
        switch self {
        case .readWrite: "begin"
        case .readOnlySnapshot: "begin isolation level repeatable read read only"
        }
    }
}

/// A transaction under way. It ends with the body that it is given to.
public struct Transaction: Session {
    let connection: Connection

    public func query<T: Sendable>(
        _ statement: Statement, _ parameters: [Parameter],
        decode: @Sendable (Row) throws(PostgresError) -> T
    ) async throws(PostgresError) -> [T] {
        try await connection.query(statement, parameters, decode: decode)
    }

    /// Streams text-format lines into a table; see ``Connection/copyIn(_:nextChunk:)``.
    public func copyIn(_ sql: StaticString, nextChunk: @Sendable () throws -> [UInt8]?) async throws {
        try await connection.copyIn(sql, nextChunk: nextChunk)
    }
}

extension ConnectionPool {
    /// Runs the body in a transaction: commits when it returns, rolls back when it throws, and runs it again
    /// when a deadlock or a serialization failure undid it. So the body must have no effect outside the database.
    public func transaction<T: Sendable>(
        _ mode: TransactionMode = .readWrite, _ body: @Sendable (Transaction) async throws -> T
    ) async throws -> T {
        var triesLeft = Self.triesMax
        while true {
            triesLeft -= 1
            do {
                return try await withConnection { connection in
                    try await connection.begin(mode)
                    do {
                        let value = try await body(Transaction(connection: connection))
                        try await connection.commit()
                        return value
                    } catch {
                        await connection.rollback()
                        throw error
                    }
                }
            } catch let error as PostgresError where error.isTransient && triesLeft > 0 {
                continue
            }
        }
    }
}
