/// Reads CSV by RFC 4180 from chunks of any size: quotes, commas and line ends in quoted fields, LF or CRLF, with or
/// without a byte order mark. It holds one line at a time, whatever the length of the text. Empty lines are skipped.
public struct CSVReader: Sendable {
    /// How long the parts of a text may be.
    public struct Limits: Sendable {
        /// One field: longer ones are almost always a quote that was not closed.
        public var fieldBytesMax = 64 * 1024
        /// All fields of one line.
        public var lineBytesMax = 1024 * 1024
        /// The fields of one line.
        public var fieldsMax = 1000

        /// The limits of ordinary files.
        public init() {}
    }

    /// What the bytes before the next one were.
    private enum Place { case fieldStart, plain, quoted, quoteInQuotes, carriageReturn }

    private let limits: Limits
    private var place = Place.fieldStart
    private var record = CSVRecord()
    /// The number of fields of the first line.
    private var width: Int?
    private var line = 1
    private var openQuoteLine = 1
    private var text = UTF8Check()
    private var markBytes = 0

    /// A reader at the start of a text.
    public init(limits: Limits = Limits()) { self.limits = limits }

    /// Reads the next bytes of the text.
    /// - Parameter body: gets each line that they complete, the first one included.
    public mutating func read(_ chunk: [UInt8], _ body: (CSVRecord) throws -> Void) throws {
        for byte in chunk {
            if markBytes < Self.mark.count, try skipsMark(byte, body) { continue }
            try take(byte, body)
        }
    }

    /// Tells that the text ends here: a last line without an end is a line as well.
    public mutating func finish(_ body: (CSVRecord) throws -> Void) throws {
        if (1..<Self.mark.count).contains(markBytes) { try replayMark(body) }
        if let byte = text.unfinishedByte { throw CSVError.notUTF8(line: line, byte: text.count, value: byte) }
        switch place {
        case .quoted: throw CSVError.unclosedQuote(line: openQuoteLine)
        case .carriageReturn: throw CSVError.bareReturn(line: line)
        case .fieldStart, .plain, .quoteInQuotes: break
        }
        // Nothing, or the place after the last line's end.
        if place == .fieldStart, record.isEmpty { return }
        try endLine(body)
    }

    // MARK: the byte order mark

    private static let mark: [UInt8] = [0xef, 0xbb, 0xbf]

    /// Whether the byte belongs to a mark at the start of the text. Its first byte may begin other characters as well.
    private mutating func skipsMark(_ byte: UInt8, _ body: (CSVRecord) throws -> Void) throws -> Bool {
        if byte == Self.mark[markBytes] {
            markBytes += 1
            if markBytes == Self.mark.count { text.count = markBytes }
            return true
        }
        try replayMark(body)
        return false
    }

    private mutating func replayMark(_ body: (CSVRecord) throws -> Void) throws {
        let seen = Self.mark.prefix(markBytes)
        markBytes = Self.mark.count
        for byte in seen { try take(byte, body) }
    }

    // MARK: one byte

    private mutating func take(_ byte: UInt8, _ body: (CSVRecord) throws -> Void) throws {
        guard text.take(byte) else { throw CSVError.notUTF8(line: line, byte: text.count, value: byte) }
        switch place {
        case .fieldStart where byte == UInt8(ascii: "\""):
            place = .quoted
            openQuoteLine = line
        case .fieldStart, .plain:
            if byte == UInt8(ascii: "\"") { throw CSVError.strayQuote(line: line, field: record.count + 1) }
            if try !separates(byte, body) {
                place = .plain
                try append(byte)
            }
        case .quoted:
            if byte == UInt8(ascii: "\"") {
                place = .quoteInQuotes
            } else {
                try append(byte)
                if byte == UInt8(ascii: "\n") { startLine() }
            }
        case .quoteInQuotes:
            if byte == UInt8(ascii: "\"") {
                place = .quoted
                try append(byte)
            } else if try !separates(byte, body) {
                throw CSVError.textAfterQuote(line: line, field: record.count + 1)
            }
        case .carriageReturn:
            guard byte == UInt8(ascii: "\n") else { throw CSVError.bareReturn(line: line) }
            try endLine(body)
        }
    }

    /// Whether the byte ended a field or a line.
    private mutating func separates(_ byte: UInt8, _ body: (CSVRecord) throws -> Void) throws -> Bool {
        switch byte {
        case UInt8(ascii: ","):
            try endField()
            place = .fieldStart
        case UInt8(ascii: "\n"): try endLine(body)
        case UInt8(ascii: "\r"):
            // An empty line stays one, and a quoted field stays a field.
            if !(place == .fieldStart && record.isEmpty) { try endField() }
            place = .carriageReturn
        default: return false
        }
        return true
    }

    private mutating func append(_ byte: UInt8) throws {
        guard record.fieldBytes < limits.fieldBytesMax else {
            throw CSVError.fieldTooLong(line: record.line, field: record.count + 1, bytesMax: limits.fieldBytesMax)
        }
        guard record.content.count < limits.lineBytesMax else {
            throw CSVError.lineTooLong(line: record.line, bytesMax: limits.lineBytesMax)
        }
        record.content.append(byte)
    }

    private mutating func endField() throws {
        guard record.count < limits.fieldsMax else {
            throw CSVError.tooManyFields(line: record.line, fieldsMax: limits.fieldsMax)
        }
        record.endField()
    }

    private mutating func endLine(_ body: (CSVRecord) throws -> Void) throws {
        let isEmpty = record.isEmpty && place != .quoteInQuotes
        // A carriage return has ended the last field already.
        if !isEmpty, place != .carriageReturn { try endField() }
        place = .fieldStart
        startLine()
        if !isEmpty {
            if let width, record.count != width {
                throw CSVError.fieldCount(line: record.line, found: record.count, expected: width)
            }
            width = record.count
            try body(record)
        }
        record.clear()
        record.line = line
    }

    private mutating func startLine() {
        line += 1
        text.count = 0
    }
}

/// Checks text byte by byte: no overlong forms, no surrogates, nothing above U+10FFFF, and no NUL, which is UTF-8 but a
/// sign of UTF-16 and nothing that a database takes.
struct UTF8Check: Sendable {
    /// Bytes of this line so far.
    var count = 0
    private var continuations = 0
    private var permitted: ClosedRange<UInt8> = 0x80...0xbf
    private var last: UInt8 = 0

    /// The last byte, where it leaves a character unfinished.
    var unfinishedByte: UInt8? { continuations > 0 ? last : nil }

    /// Whether the byte may come next.
    mutating func take(_ byte: UInt8) -> Bool {
        count += 1
        if continuations == 0 {
            if byte < 0x80 { return byte != 0 }
            return begin(byte)
        }
        last = byte
        guard permitted.contains(byte) else { return false }
        permitted = 0x80...0xbf
        continuations -= 1
        return true
    }

    private mutating func begin(_ byte: UInt8) -> Bool {
        last = byte
        switch byte {
        case 0xc2...0xdf: continuations = 1
        case 0xe0...0xef: continuations = 2
        case 0xf0...0xf4: continuations = 3
        default: return false
        }
        permitted =
            switch byte {
            case 0xe0: 0xa0...0xbf
            case 0xed: 0x80...0x9f
            case 0xf0: 0x90...0xbf
            case 0xf4: 0x80...0x8f
            default: 0x80...0xbf
            }
        return true
    }
}
