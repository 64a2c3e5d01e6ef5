import CLibpq
import Foundation

/// How to reach the database.
public struct DatabaseAddress: Sendable {
    /// A libpq connection URI or keyword string. May hold a password, so it is never printed.
    let url: String
    /// The role that sessions take on after login; nil keeps the login's own rights.
    let role: String?
    /// The longest that one statement may run.
    let statementTimeoutSeconds: Int
    let watch: StatementWatch?

    /// - Parameters:
    ///   - url: a libpq connection URI.
    ///   - role: the role to take on, so that the service cannot do what only the owner may.
    ///   - statementTimeoutSeconds: the server cancels a statement that runs longer.
    ///   - watch: told of every statement; nil in normal operation.
    public init(url: String, role: String?, statementTimeoutSeconds: Int = 30, watch: StatementWatch? = nil) {
        self.url = url
        self.role = role
        self.statementTimeoutSeconds = statementTimeoutSeconds
        self.watch = watch
    }
}

/// Told `before NAME` when a statement is about to be sent, and `after NAME` when its answer, good or bad, has come; the
/// same for `begin` and `commit`.
public typealias StatementWatch = @Sendable (_ point: String) -> Void

/// The only owner of a `PGconn`.
final class ConnectionHandle {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { PQfinish(pointer) }

    var isOpen: Bool { PQstatus(pointer) == CONNECTION_OK }
    var message: String { String(cString: PQerrorMessage(pointer)) }
}

/// One session with the server, on its own thread. Statements run one after another.
public actor Connection: Session {
    private nonisolated let thread = ConnectionThread()
    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private var handle: ConnectionHandle?
    private var prepared: Set<String> = []
    private var transactionDepth = 0
    private var watch: StatementWatch?
    /// How long a program that was stopped in the middle of a transaction, or cut off from the network in the middle of an
    /// answer, may hold its locks: less than the time that others wait for them, their `statement_timeout`.
    private static let silenceMilliseconds = 10_000

    private init() {}

    deinit { thread.stop() }

    /// Opens a session, or fails within ten seconds.
    public static func open(_ address: DatabaseAddress) async throws(PostgresError) -> Connection {
        let connection = Connection()
        try await connection.connect(address)
        return connection
    }

    private func connect(_ address: DatabaseAddress) throws(PostgresError) {
        // dbname carries the URI; the keywords after it add to it. TCP settings do nothing on a unix socket.
        let keywords = [
            "dbname", "connect_timeout", "fallback_application_name", "client_encoding", "keepalives_idle",
            "tcp_user_timeout",
        ]
        let values = [address.url, "10", "zimage", "UTF8", "10", "30000"]
        let pointer = withCStrings(keywords) { keywords in
            withCStrings(values) { values in PQconnectdbParams(keywords, values, 1) }
        }
        guard let pointer else { throw PostgresError(.cannotConnect, detail: "out of memory") }
        let handle = ConnectionHandle(pointer)
        guard handle.isOpen else { throw PostgresError(.cannotConnect, detail: handle.message) }
        // The server's notices would go to standard error.
        PQsetNoticeProcessor(pointer, { _, _ in }, nil)
        self.handle = handle
        watch = address.watch
        // What is answered must be durable, also where the server was set up for speed.
        try simple(
            """
            set statement_timeout = \(address.statementTimeoutSeconds * 1000); set timezone = 'UTC';
            set idle_in_transaction_session_timeout = \(Self.silenceMilliseconds);
            set tcp_user_timeout = \(Self.silenceMilliseconds);
            select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'
            """)
        if let role = address.role { try simple("set role \"\(role.replacing("\"", with: "\"\""))\"") }
    }

    /// Whether the session can take a statement. Finds out cheaply that the server closed an idle one: nothing else
    /// arrives unasked but a changed server setting, and then a new session costs little. Reading what arrived would
    /// not do, because the first read takes the server's farewell and leaves the end of the connection for the next.
    func isUsable() -> Bool {
        guard let handle, handle.isOpen else { return false }
        var descriptor = pollfd(fd: PQsocket(handle.pointer), events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, 0) == 0
    }

    public func query<T: Sendable>(
        _ statement: Statement, _ parameters: [Parameter],
        decode: @Sendable (Row) throws(PostgresError) -> T
    ) async throws(PostgresError) -> [T] {
        let handle = try openHandle(statement.name)
        try prepare(statement, parameters)
        watch?("before \(statement.name)")
        let result = withBinary(parameters) { values, lengths, formats in
            PQexecPrepared(handle.pointer, statement.name, Int32(parameters.count), values, lengths, formats, 1)
        }
        watch?("after \(statement.name)")
        let reply = try checked(ResultHandle(result), statement.name)
        var rows: [T] = []
        let count = PQntuples(reply.pointer)
        rows.reserveCapacity(Int(count))
        for index in 0..<count {
            rows.append(try decode(Row(result: reply.pointer, index: index, statement: statement.name)))
        }
        return rows
    }

    /// Runs text without parameters, which may hold several statements. Only for texts of the program itself.
    func simple(_ sql: String) throws(PostgresError) {
        let handle = try openHandle("simple")
        _ = try checked(ResultHandle(PQexec(handle.pointer, sql)), "simple")
    }

    private func prepare(_ statement: Statement, _ parameters: [Parameter]) throws(PostgresError) {
        guard !prepared.contains(statement.name) else { return }
        let handle = try openHandle(statement.name)
        let types = parameters.map(\.oid)
        let result = PQprepare(handle.pointer, statement.name, statement.sql, Int32(types.count), types)
        _ = try checked(ResultHandle(result), statement.name)
        prepared.insert(statement.name)
    }

    private func openHandle(_ statement: String) throws(PostgresError) -> ConnectionHandle {
        guard let handle, handle.isOpen else {
            throw PostgresError(.connectionLost, statement: statement, detail: "closed")
        }
        return handle
    }

    private func checked(_ result: consuming ResultHandle?, _ statement: String) throws(PostgresError) -> ResultHandle {
        guard let result else {
            throw PostgresError(.connectionLost, statement: statement, detail: handle?.message ?? "")
        }
        switch result.status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_COPY_IN, PGRES_EMPTY_QUERY: return result
        default: break
        }
        guard let handle, handle.isOpen, let state = result.field(Int32(UInt8(ascii: "C"))) else {
            throw PostgresError(.connectionLost, statement: statement, detail: handle?.message ?? "")
        }
        throw PostgresError(
            .server, sqlState: state, constraint: result.field(Int32(UInt8(ascii: "n"))), statement: statement,
            detail: result.field(Int32(UInt8(ascii: "M"))) ?? "")
    }
}

// MARK: COPY and LISTEN

extension Connection {
    /// Streams text-format lines into a table.
    /// - Parameters:
    ///   - sql: a `copy ... from stdin` statement of the program.
    ///   - nextChunk: called until it answers nil; each chunk is whole lines.
    public func copyIn(_ sql: StaticString, nextChunk: @Sendable () throws -> [UInt8]?) throws {
        try simple("\(sql)")
        let handle = try openHandle("copy")
        do {
            while let chunk = try nextChunk() {
                let sent = chunk.withUnsafeBytes { bytes in
                    PQputCopyData(
                        handle.pointer, bytes.bindMemory(to: CChar.self).baseAddress, Int32(bytes.count))
                }
                guard sent == 1 else {
                    throw PostgresError(.connectionLost, statement: "copy", detail: handle.message)
                }
            }
        } catch {
            PQputCopyEnd(handle.pointer, "the sender gave up")
            while let rest = ResultHandle(PQgetResult(handle.pointer)) { _ = consume rest }
            throw error
        }
        guard PQputCopyEnd(handle.pointer, nil) == 1 else {
            throw PostgresError(.connectionLost, statement: "copy", detail: handle.message)
        }
        _ = try checked(ResultHandle(PQgetResult(handle.pointer)), "copy")
        while let rest = ResultHandle(PQgetResult(handle.pointer)) { _ = consume rest }
    }

    /// The notifications that arrive within the given time; returns at the first ones.
    func notifications(waitMilliseconds: Int32) throws(PostgresError) -> [Notification] {
        let handle = try openHandle("listen")
        var descriptor = pollfd(fd: PQsocket(handle.pointer), events: Int16(POLLIN), revents: 0)
        if poll(&descriptor, 1, waitMilliseconds) > 0, PQconsumeInput(handle.pointer) == 0 {
            throw PostgresError(.connectionLost, statement: "listen", detail: handle.message)
        }
        guard handle.isOpen else { throw PostgresError(.connectionLost, statement: "listen", detail: handle.message) }
        var found: [Notification] = []
        while let notify = PQnotifies(handle.pointer) {
            found.append(
                Notification(
                    channel: String(cString: notify.pointee.relname), payload: String(cString: notify.pointee.extra)))
            PQfreemem(notify)
        }
        return found
    }
}

// MARK: transactions

extension Connection {
    func begin(_ mode: TransactionMode) throws(PostgresError) {
        precondition(transactionDepth == 0, "a connection runs one transaction at a time")
        watch?("before begin")
        try simple(mode.sql)
        watch?("after begin")
        transactionDepth = 1
    }

    /// Commits. After a refused statement whose error the body kept to itself, the server would roll back and answer
    /// with success; that is an error here.
    func commit() throws(PostgresError) {
        transactionDepth = 0
        if let handle, PQtransactionStatus(handle.pointer) == PQTRANS_INERROR {
            throw PostgresError(.server, sqlState: "25P02", statement: "commit", detail: "an earlier statement was refused")
        }
        watch?("before commit")
        try simple("commit")
        watch?("after commit")
    }

    /// Ends a failed transaction; a connection that cannot do even that is closed, which rolls back as well.
    func rollback() {
        transactionDepth = 0
        do { try simple("rollback") } catch { handle = nil }
    }
}

// MARK: C arrays

/// The strings as a NULL-terminated array of C strings, alive during the call.
private func withCStrings<R>(_ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R) -> R {
    let owned = strings.map { strdup($0) }
    defer { owned.forEach { free($0) } }
    return (owned.map { $0.map { UnsafePointer($0) } } + [nil]).withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("the array holds at least its terminator") }
        return body(base)
    }
}

/// The parameters as libpq wants them: pointers into one buffer, lengths and formats.
private func withBinary<R>(
    _ parameters: [Parameter],
    _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> R
) -> R {
    let lengths = parameters.map { Int32($0.bytes?.count ?? 0) }
    let formats = [Int32](repeating: 1, count: parameters.count)
    // A terminator keeps the buffer non-empty, so that an empty text is a pointer and not NULL.
    let buffer = Array(parameters.compactMap(\.bytes).joined()) + [0]
    return buffer.withUnsafeBytes { bytes in
        let base = bytes.bindMemory(to: CChar.self).baseAddress
        var offset = 0
        let pointers = parameters.map { parameter -> UnsafePointer<CChar>? in
            guard let count = parameter.bytes?.count else { return nil }
            defer { offset += count }
            return base.map { $0 + offset }
        }
        return body(pointers, lengths, formats)
    }
}

// MARK: text

extension Connection {
    /// Runs SQL given as text and answers each column as text, for tools and tests. Values are pasted into the text by
    /// whoever made it, so nothing that comes from outside may ever get here.
    package func runText(_ sql: String) throws(PostgresError) -> [[String?]] {
        let handle = try openHandle("text")
        let result = try checked(ResultHandle(PQexec(handle.pointer, sql)), "text")
        return (0..<PQntuples(result.pointer)).map { row in
            (0..<PQnfields(result.pointer)).map { column in
                guard PQgetisnull(result.pointer, row, column) == 0 else { return nil }
                return PQgetvalue(result.pointer, row, column).map { String(cString: $0) }
            }
        }
    }
}
