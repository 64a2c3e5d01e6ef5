/// One line of a CSV text: its fields without the quotes around them.
public struct CSVRecord: Sendable {
    /// Where it begins. A field may hold line ends, so the next line's number is not always one more.
    public internal(set) var line = 1
    /// The fields without anything between them, and where each ends.
    var content: [UInt8] = []
    var ends: [Int] = []

    /// How many fields it has.
    public var count: Int { ends.count }

    /// The UTF-8 of a field.
    public func bytes(_ field: Int) -> ArraySlice<UInt8> { content[(field == 0 ? 0 : ends[field - 1])..<ends[field]] }

    /// A field.
    public subscript(field: Int) -> String { String(decoding: bytes(field), as: UTF8.self) }

    /// All fields.
    public var fields: [String] { ends.indices.map { self[$0] } }

    var fieldBytes: Int { content.count - (ends.last ?? 0) }
    /// Nothing was read for it yet, not even a comma.
    var isEmpty: Bool { content.isEmpty && ends.isEmpty }

    mutating func endField() { ends.append(content.count) }

    mutating func clear() {
        content.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }
}
