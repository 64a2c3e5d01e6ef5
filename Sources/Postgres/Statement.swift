/// A named piece of SQL with `$1`-style parameters. It is prepared once per connection under its name.
public struct Statement: Sendable {
    /// Unique in the program; it appears in errors and logs instead of the text.
    public let name: String
    /// The text. Values are bound, never pasted in.
    public let sql: String

    /// A statement of the given text. The text is a literal of the program: nothing from outside can reach it.
    public init(_ name: StaticString, _ sql: StaticString) {
        self.name = "\(name)"
        self.sql = "\(sql)"
    }
}

/// Anything that runs statements: a connection outside a transaction, or a transaction.
public protocol Session: Sendable {
    /// Runs a statement and decodes each row of its reply.
    func query<T: Sendable>(
        _ statement: Statement, _ parameters: [Parameter],
        decode: @Sendable (Row) throws(PostgresError) -> T
    ) async throws(PostgresError) -> [T]
}

extension Session {
    /// Runs a statement whose rows do not matter.
    public func execute(_ statement: Statement, _ parameters: [Parameter] = []) async throws(PostgresError) {
        _ = try await query(statement, parameters) { (_: Row) throws(PostgresError) in () }
    }

    /// Runs a statement and decodes its first row, nil where there is none.
    public func first<T: Sendable>(
        _ statement: Statement, _ parameters: [Parameter] = [],
        decode: @Sendable (Row) throws(PostgresError) -> T
    ) async throws(PostgresError) -> T? {
        try await query(statement, parameters, decode: decode).first
    }

    /// Runs a statement and decodes its only row; no row is an error.
    public func one<T: Sendable>(
        _ statement: Statement, _ parameters: [Parameter] = [],
        decode: @Sendable (Row) throws(PostgresError) -> T
    ) async throws(PostgresError) -> T {
        guard let value = try await first(statement, parameters, decode: decode) else {
            throw PostgresError(.unexpectedReply, statement: statement.name, detail: "no row")
        }
        return value
    }
}
