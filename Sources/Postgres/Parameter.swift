public import Foundation

/// One bound value in PostgreSQL's binary format, with the OID of its type.
public struct Parameter: Sendable {
    let oid: UInt32
    /// Nil is SQL's NULL.
    let bytes: [UInt8]?

    /// A value of the given type.
    public init(_ value: some Bindable) { self = value.parameter }

    init(oid: UInt32, bytes: [UInt8]?) {
        self.oid = oid
        self.bytes = bytes
    }
}

/// A Swift value that can be bound to a statement.
public protocol Bindable: Sendable {
    /// The OID of the PostgreSQL type.
    static var oid: UInt32 { get }
    /// The OID of an array of that type.
    static var arrayOID: UInt32 { get }
    /// The value in binary format; nil is NULL.
    var binary: [UInt8]? { get }
}

extension Bindable {
    /// The value as a parameter.
    public var parameter: Parameter { Parameter(oid: Self.oid, bytes: binary) }
}

func networkOrder(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}

extension Bool: Bindable {
    public static var oid: UInt32 { 16 }
    public static var arrayOID: UInt32 { 1000 }
    public var binary: [UInt8]? { [self ? 1 : 0] }
}

extension Int64: Bindable {
    public static var oid: UInt32 { 20 }
    public static var arrayOID: UInt32 { 1016 }
    public var binary: [UInt8]? { networkOrder(self) }
}

extension Int: Bindable {
    public static var oid: UInt32 { 20 }
    public static var arrayOID: UInt32 { 1016 }
    public var binary: [UInt8]? { networkOrder(Int64(self)) }
}

extension Int32: Bindable {
    public static var oid: UInt32 { 23 }
    public static var arrayOID: UInt32 { 1007 }
    public var binary: [UInt8]? { networkOrder(self) }
}

extension String: Bindable {
    public static var oid: UInt32 { 25 }
    public static var arrayOID: UInt32 { 1009 }
    public var binary: [UInt8]? { Array(utf8) }
}

extension Date: Bindable {
    public static var oid: UInt32 { 1184 }
    public static var arrayOID: UInt32 { 1185 }
    /// Microseconds since 2000-01-01 UTC.
    public var binary: [UInt8]? {
        networkOrder(Int64(((timeIntervalSince1970 - Date.postgresEpochSeconds) * 1_000_000).rounded()))
    }
    static let postgresEpochSeconds: TimeInterval = 946_684_800
}

/// Bytes for a `bytea` column.
public struct Bytes: Bindable {
    /// The bytes.
    public let array: [UInt8]
    /// Wraps the bytes.
    public init(_ array: [UInt8]) { self.array = array }
    public static var oid: UInt32 { 17 }
    public static var arrayOID: UInt32 { 1001 }
    public var binary: [UInt8]? { array }
}

/// JSON text for a `jsonb` column.
public struct JSONText: Bindable {
    let text: String
    /// Wraps text that is already valid JSON.
    public init(_ text: String) { self.text = text }
    public static var oid: UInt32 { 3802 }
    public static var arrayOID: UInt32 { 3807 }
    /// Binary jsonb is a version byte and the text.
    public var binary: [UInt8]? { [1] + Array(text.utf8) }
}

extension Optional: Bindable where Wrapped: Bindable {
    public static var oid: UInt32 { Wrapped.oid }
    public static var arrayOID: UInt32 { Wrapped.arrayOID }
    public var binary: [UInt8]? { self?.binary }
}

extension Array: Bindable where Element: Bindable {
    public static var oid: UInt32 { Element.arrayOID }
    /// PostgreSQL has no arrays of arrays of different lengths.
    public static var arrayOID: UInt32 { preconditionFailure("bind an array of arrays as one jsonb instead") }

    /// One dimension: its flags, the element type, its length and lower bound, then each element with its length.
    public var binary: [UInt8]? {
        let elements = map(\.binary)
        let hasNull = elements.contains { $0 == nil }
        if isEmpty { return networkOrder(Int32(0)) + networkOrder(Int32(0)) + networkOrder(Element.oid) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20 + elements.reduce(0) { $0 + 4 + ($1?.count ?? 0) })
        bytes += networkOrder(Int32(1)) + networkOrder(Int32(hasNull ? 1 : 0)) + networkOrder(Element.oid)
        bytes += networkOrder(Int32(count)) + networkOrder(Int32(1))
        for element in elements {
            bytes += networkOrder(Int32(element?.count ?? -1))
            if let element { bytes += element }
        }
        return bytes
    }
}
