/// One line of CSV as RFC 4180 writes it: fields with commas, quotes or line ends stand in quotes, quotes are doubled.
/// ``CSVReader`` reads it back to the same fields.
public struct CSVLine: Sendable, CustomStringConvertible {
    /// The line, without an end.
    public let text: String

    /// A line of the given fields.
    public init(_ fields: [String]) {
        // A line of one empty field would be an empty line, which readers skip.
        text = fields == [""] ? "\"\"" : fields.map(Self.quoted).joined(separator: ",")
    }

    public var description: String { text }

    private static func quoted(_ field: String) -> String {
        // By bytes: a comma that carries a combining mark is another Character, and still a comma to every reader.
        let needsQuotes = field.utf8.contains { byte in
            byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n")
        }
        guard needsQuotes else { return field }
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        for byte in field.utf8 {
            if byte == UInt8(ascii: "\"") { bytes.append(byte) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
        return String(decoding: bytes, as: UTF8.self)
    }
}
