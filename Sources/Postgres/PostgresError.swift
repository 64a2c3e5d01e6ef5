/// What went wrong with the database.
///
/// `description` is safe for any reader and any log: it never holds a bound value. The server's own sentence,
/// which may quote one, is only in `debugDescription`; its DETAIL line, which often does, is not kept at all.
public struct PostgresError: Error, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The kinds that callers tell apart.
    public enum Code: Sendable, Equatable {
        /// No connection could be made: the server is down, or the address or the rights are wrong.
        case cannotConnect
        /// The connection broke while a statement was under way: whether it took effect is not known.
        case connectionLost
        /// The server refused the statement; `sqlState` says why.
        case server
        /// The reply does not have the shape that the statement's decoder expects.
        case unexpectedReply
        /// More callers wait for a connection than the pool admits.
        case poolExhausted
        /// A migration file is missing, edited or out of order.
        case migration
    }

    /// The kind of failure.
    public let code: Code
    /// The five-character SQLSTATE of a server's refusal.
    public let sqlState: String?
    /// The constraint that a refused statement would have broken.
    public let constraint: String?
    /// The name of the statement, where one was running.
    public let statement: String?
    /// The server's or libpq's own sentence; may quote a value, so it is never logged by default.
    let detail: String

    init(
        _ code: Code, sqlState: String? = nil, constraint: String? = nil, statement: String? = nil, detail: String
    ) {
        self.code = code
        self.sqlState = sqlState
        self.constraint = constraint
        self.statement = statement
        self.detail = detail
    }

    /// Whether the server rolled the transaction back for a reason that a second try may not meet:
    /// a serialization failure or a deadlock.
    public var isTransient: Bool { sqlState == "40001" || sqlState == "40P01" }

    /// Whether the database is out of reach for now, so that the caller may try again later.
    public var isUnavailable: Bool {
        switch code {
        case .cannotConnect, .connectionLost, .poolExhausted: true
        // 57P01-57P03: the server is shutting down or starting; 53300: too many connections.
        case .server: ["57P01", "57P02", "57P03", "53300"].contains(sqlState)
        case .unexpectedReply, .migration: false
        }
    }

    public var description: String {
        var text: String
        switch code {
        case .cannotConnect: text = "cannot connect to PostgreSQL: is it running, and is ZIMAGE_DATABASE_URL right?"
        case .connectionLost: text = "the connection to PostgreSQL broke during a statement"
        case .server: text = "PostgreSQL refused a statement"
        case .unexpectedReply: text = "PostgreSQL answered in an unexpected shape: run `zadmin migrate`"
        case .poolExhausted: text = "too many callers wait for a database connection: try again later"
        case .migration: text = detail
        }
        if let sqlState { text += " (SQLSTATE \(sqlState))" }
        if let constraint { text += ", constraint \(constraint)" }
        if let statement { text += ", statement \(statement)" }
        return text
    }

    public var debugDescription: String { detail.isEmpty ? description : "\(description): \(detail)" }
}

extension PostgresError {
    /// A column whose content this program cannot read.
    public static func unexpectedContent(of column: String) -> PostgresError {
        PostgresError(.unexpectedReply, detail: column)
    }
}
