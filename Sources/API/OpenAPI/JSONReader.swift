import Domain
import Foundation

/// Reads JSON into a ``JSON`` value and keeps the order of members, which Foundation's readers lose: people read the
/// documentation in the order in which it was written. Numbers stay the digits that they are.
struct JSONReader {
    /// A text is no JSON; the place is that of the first byte that does not fit.
    struct Malformed: Error, Equatable {
        let place: Int
    }

    private let bytes: [UInt8]
    private var place = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The value of a whole text.
    static func read(_ bytes: [UInt8]) throws(Malformed) -> JSON {
        var reader = JSONReader(bytes)
        let value = try reader.value()
        guard reader.next() == nil else { throw Malformed(place: reader.place) }
        return value
    }

    /// The next byte that is no white space.
    private mutating func next() -> UInt8? {
        while place < bytes.count, [32, 9, 10, 13].contains(bytes[place]) { place += 1 }
        return place < bytes.count ? bytes[place] : nil
    }

    private mutating func take(_ letter: Unicode.Scalar) throws(Malformed) {
        guard next() == UInt8(ascii: letter) else { throw Malformed(place: place) }
        place += 1
    }

    private mutating func value() throws(Malformed) -> JSON {
        switch next() {
        case UInt8(ascii: "{"): return .object(try list("{", "}") { (reader) throws(Malformed) in
            let name = try reader.string()
            try reader.take(":")
            return (name, try reader.value())
        })
        case UInt8(ascii: "["): return .array(try list("[", "]") { (reader) throws(Malformed) in try reader.value() })
        case UInt8(ascii: "\""): return .string(try string())
        default: return try word()
        }
    }

    private mutating func list<Element>(
        _ first: Unicode.Scalar, _ last: Unicode.Scalar, _ element: (inout JSONReader) throws(Malformed) -> Element
    ) throws(Malformed) -> [Element] {
        try take(first)
        var elements: [Element] = []
        while next() != UInt8(ascii: last) {
            if !elements.isEmpty { try take(",") }
            elements.append(try element(&self))
        }
        try take(last)
        return elements
    }

    private mutating func string() throws(Malformed) -> String {
        try take("\"")
        let start = place
        var hasEscapes = false
        while place < bytes.count, bytes[place] != UInt8(ascii: "\"") {
            if bytes[place] == UInt8(ascii: "\\") {
                hasEscapes = true
                place += 1
            }
            place += 1
        }
        guard place < bytes.count else { throw Malformed(place: place) }
        place += 1
        let inside = bytes[start..<(place - 1)]
        if !hasEscapes { return String(decoding: inside, as: UTF8.self) }
        guard let text = try? JSONDecoder().decode(String.self, from: Data(bytes[(start - 1)..<place])) else {
            throw Malformed(place: start)
        }
        return text
    }

    /// `true`, `false`, `null` or a number.
    private mutating func word() throws(Malformed) -> JSON {
        let start = place
        while place < bytes.count, !" \t\r\n,]}".utf8.contains(bytes[place]) { place += 1 }
        let text = String(decoding: bytes[start..<place], as: UTF8.self)
        switch text {
        case "true", "false": return .bool(text == "true")
        case "null": return .null
        default:
            guard Double(text) != nil else { throw Malformed(place: start) }
            return .raw(text)
        }
    }
}

extension JSON {
    /// The members of an object; none of anything else.
    var members: [(name: String, value: JSON)] {
        guard case .object(let members) = self else { return [] }
        return members.map { (name: $0.0, value: $0.1) }
    }

    /// The member of that name.
    subscript(_ name: String) -> JSON? { members.first { $0.name == name }?.value }

    /// The elements of a list; none of anything else.
    var elements: [JSON] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }

    /// The text, nil of anything else.
    var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// As people like to read it: what fits into a line of that many characters is on one line.
    func readable(width: Int, indent: Int = 0, used: Int = 0) -> String {
        let line = oneLine
        guard used + line.count > width else { return line }
        let inner = String(repeating: " ", count: indent + 2)
        func block(_ open: String, _ rows: [String], _ close: String) -> String {
            open + "\n" + rows.map { inner + $0 }.joined(separator: ",\n") + "\n" + String(repeating: " ", count: indent) + close
        }
        switch self {
        case .object(let members):
            return block("{", members.map { name, value in
                let key = "\(JSON.string(name).text): "
                return key + value.readable(width: width, indent: indent + 2, used: indent + 3 + key.count)
            }, "}")
        case .array(let elements):
            return block("[", elements.map { $0.readable(width: width, indent: indent + 2, used: indent + 3) }, "]")
        default: return line
        }
    }

    private var oneLine: String {
        switch self {
        case .object(let members) where !members.isEmpty:
            "{ " + members.map { "\(JSON.string($0).text): \($1.oneLine)" }.joined(separator: ", ") + " }"
        case .array(let elements): "[" + elements.map(\.oneLine).joined(separator: ", ") + "]"
        default: text
        }
    }
}
