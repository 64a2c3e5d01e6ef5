import CLibpq
public import Foundation

/// The only owner of a `PGresult`.
struct ResultHandle: ~Copyable {
    let pointer: OpaquePointer

    init?(_ pointer: OpaquePointer?) {
        guard let pointer else { return nil }
        self.pointer = pointer
    }

    deinit { PQclear(pointer) }

    var status: ExecStatusType { PQresultStatus(pointer) }

    func field(_ code: Int32) -> String? { PQresultErrorField(pointer, code).map { String(cString: $0) } }
}

/// One row of a reply, valid only inside the decoder that it is given to. Columns are read by position.
public struct Row {
    let result: OpaquePointer
    let index: Int32
    let statement: String

    /// The value of a column; a type or a NULL that was not asked for is an error, not a guess.
    public func get<T: Decodable>(_ column: Int, as type: T.Type = T.self) throws(PostgresError) -> T {
        let column = Int32(column)
        guard column < PQnfields(result) else { throw mismatch(column) }
        let value: T?
        if PQgetisnull(result, index, column) == 1 {
            value = T(null: ())
        } else if let start = PQgetvalue(result, index, column), T.accepts(oid: PQftype(result, column)) {
            let count = Int(PQgetlength(result, index, column))
            value = T(binary: UnsafeRawBufferPointer(start: start, count: count))
        } else {
            value = nil
        }
        guard let value else { throw mismatch(column) }
        return value
    }

    private func mismatch(_ column: Int32) -> PostgresError {
        PostgresError(.unexpectedReply, statement: statement, detail: "column \(column)")
    }

    /// A type that a column can be read as.
    public protocol Decodable {
        /// Whether a column of this PostgreSQL type can be read.
        static func accepts(oid: UInt32) -> Bool
        /// The value of binary content; nil when the bytes are not such a value.
        init?(binary: UnsafeRawBufferPointer)
        /// The value of NULL; nil when the type has none.
        init?(null: Void)
    }
}

extension Row.Decodable {
    public init?(null: Void) { return nil }
}

private func integer<T: FixedWidthInteger>(_ bytes: UnsafeRawBufferPointer, as: T.Type) -> T? {
    guard bytes.count == MemoryLayout<T>.size else { return nil }
    return T(bigEndian: bytes.loadUnaligned(as: T.self))
}

extension Int64: Row.Decodable {
    public static func accepts(oid: UInt32) -> Bool { [20, 21, 23].contains(oid) }
    public init?(binary bytes: UnsafeRawBufferPointer) {
        switch bytes.count {
        case 2: self.init(integer(bytes, as: Int16.self) ?? 0)
        case 4: self.init(integer(bytes, as: Int32.self) ?? 0)
        case 8: self = integer(bytes, as: Int64.self) ?? 0
        default: return nil
        }
    }
}

extension Int: Row.Decodable {
    public static func accepts(oid: UInt32) -> Bool { Int64.accepts(oid: oid) }
    public init?(binary bytes: UnsafeRawBufferPointer) {
        guard let value = Int64(binary: bytes) else { return nil }
        self.init(value)
    }
}

extension Bool: Row.Decodable {
    public static func accepts(oid: UInt32) -> Bool { oid == 16 }
    public init?(binary bytes: UnsafeRawBufferPointer) {
        guard let byte = bytes.first else { return nil }
        self = byte != 0
    }
}

extension String: Row.Decodable {
    /// text, varchar, name, json, and the types made by `create type ... as enum`, whose OIDs begin at 16384.
    public static func accepts(oid: UInt32) -> Bool { [25, 1043, 19, 114].contains(oid) || oid >= 16384 }
    public init?(binary bytes: UnsafeRawBufferPointer) {
        self.init(validating: bytes, as: UTF8.self)
    }
}

extension JSONText: Row.Decodable {
    public static func accepts(oid: UInt32) -> Bool { oid == 3802 }
    public init?(binary bytes: UnsafeRawBufferPointer) {
        guard bytes.first == 1, let text = String(validating: bytes.dropFirst(), as: UTF8.self) else { return nil }
        self.init(text)
    }
    /// The text.
    public var string: String { text }
}

extension Bytes: Row.Decodable {
    public static func accepts(oid: UInt32) -> Bool { oid == 17 }
    public init?(binary bytes: UnsafeRawBufferPointer) { self.init(Swift.Array(bytes)) }
    /// The bytes.
    public var values: [UInt8] { array }
}

extension Date: Row.Decodable {
    public static func accepts(oid: UInt32) -> Bool { oid == 1184 }
    public init?(binary bytes: UnsafeRawBufferPointer) {
        guard let microseconds = integer(bytes, as: Int64.self) else { return nil }
        self.init(timeIntervalSince1970: Date.postgresEpochSeconds + TimeInterval(microseconds) / 1_000_000)
    }
}

extension Optional: Row.Decodable where Wrapped: Row.Decodable {
    public static func accepts(oid: UInt32) -> Bool { Wrapped.accepts(oid: oid) }
    public init?(binary bytes: UnsafeRawBufferPointer) {
        guard let value = Wrapped(binary: bytes) else { return nil }
        self = .some(value)
    }
    public init?(null: Void) { self = Self(nilLiteral: ()) }
}
