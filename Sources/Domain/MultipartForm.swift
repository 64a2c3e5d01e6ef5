/// Why a form cannot be read; the text says what to send instead.
public struct MultipartFormError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}

/// A body of `multipart/form-data` (RFC 7578), read in one go from a body whose size is bounded already.
public struct MultipartForm: Sendable {
    /// One field or file.
    public struct Part: Sendable {
        /// The field's name.
        public let name: String
        /// Its content, byte by byte.
        public let bytes: ArraySlice<UInt8>
    }

    /// Parts of one body, and bytes of a part's headers: the longest forms of the clients that we know have a third of it.
    private static let partsMax = 32
    private static let headerBytesMax = 4096
    private static let boundaryBytes = 1...70

    /// In the order in which they came.
    public let parts: [Part]

    /// Whether a body says that it is one.
    public static func isMeant(by contentType: String?) -> Bool {
        contentType.map { trimmed($0.prefix { $0 != ";" }).lowercased() } == "multipart/form-data"
    }

    /// Reads a body; a faulty one is refused as a whole.
    public init(_ body: [UInt8], contentType: String) throws(MultipartFormError) {
        guard let boundary = Self.boundary(contentType) else {
            throw MultipartFormError(
                "The Content-Type multipart/form-data has no valid boundary: let your HTTP client write this header.")
        }
        var reader = DelimiterReader(body, delimiter: Array("--\(boundary)".utf8))
        guard reader.skipPreamble() else { throw Self.malformed("its first boundary is missing") }
        var parts: [Part] = []
        while !reader.isAtClose {
            guard let part = reader.nextPart() else { throw Self.malformed("its last boundary is missing") }
            guard parts.count < Self.partsMax else { throw MultipartFormError("The form has more than \(Self.partsMax) parts.") }
            parts.append(try Self.part(part))
        }
        self.parts = parts
    }

    private static func malformed(_ reason: String) -> MultipartFormError {
        MultipartFormError("The multipart body cannot be read, \(reason): send it whole, as an HTTP client's form does.")
    }

    private static func boundary(_ contentType: String) -> String? {
        let parameters = HeaderParameters(contentType)
        guard let text = parameters["boundary"], boundaryBytes.contains(text.utf8.count), !text.hasSuffix(" ") else { return nil }
        let others = Set("'()+_,-./:=? ".utf8)
        let isPlain = text.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || others.contains($0)
        }
        return isPlain ? text : nil
    }

    private static func part(_ bytes: ArraySlice<UInt8>) throws(MultipartFormError) -> Part {
        let head = bytes.prefix(headerBytesMax)
        guard let end = head.firstRange(of: Array("\r\n\r\n".utf8)) else {
            throw malformed("a part's headers have no end, or more than \(headerBytesMax) bytes")
        }
        guard let text = String(validating: head[..<end.lowerBound], as: UTF8.self) else {
            throw malformed("a part's headers are not UTF-8")
        }
        var disposition: HeaderParameters?
        for line in text.split(separator: "\r\n") {
            guard let colon = line.firstIndex(of: ":") else { throw malformed("a part's header has no colon") }
            let value = String(line[line.index(after: colon)...])
            switch trimmed(line[..<colon]).lowercased() {
            case "content-disposition":
                guard disposition == nil else { throw malformed("a part has two Content-Disposition headers") }
                disposition = HeaderParameters(value)
            case "content-transfer-encoding":
                guard ["binary", "8bit", "7bit"].contains(trimmed(value[...]).lowercased()) else {
                    throw malformed("a part has a Content-Transfer-Encoding, which forms may not use")
                }
            default: break
            }
        }
        guard let disposition, disposition.word == "form-data", let name = disposition["name"], !name.isEmpty else {
            throw malformed("a part has no name")
        }
        return Part(name: name, bytes: bytes[end.upperBound...])
    }
}

/// Walks from delimiter to delimiter.
private struct DelimiterReader {
    private let body: [UInt8]
    /// CR, LF, two hyphens and the boundary.
    private let delimiter: [UInt8]
    private var place = 0
    /// Whether the last delimiter was the closing one.
    private(set) var isAtClose = false

    init(_ body: [UInt8], delimiter: [UInt8]) {
        self.body = body
        self.delimiter = [13, 10] + delimiter
    }

    /// Goes behind the first delimiter.
    mutating func skipPreamble() -> Bool {
        if body.starts(with: delimiter.dropFirst(2)), let end = endOfLine(delimiter.count - 2) {
            place = end
            return true
        }
        return nextPart() != nil
    }

    /// What stands before the next delimiter; nil when there is none.
    mutating func nextPart() -> ArraySlice<UInt8>? {
        let start = place
        // A part without any bytes ends in the line break of the delimiter before it.
        var from = max(0, start - 2)
        while let found = find(from: from) {
            if let end = endOfLine(found + delimiter.count) {
                place = end
                return found < start ? [] : body[start..<found]
            }
            // The same letters inside of a longer line are content.
            from = found + 1
        }
        return nil
    }

    /// The next line break that begins the delimiter's bytes.
    private func find(from start: Int) -> Int? {
        body.withUnsafeBytes { bytes in
            guard delimiter.count <= bytes.count else { return nil }
            var place = start
            while place <= bytes.count - delimiter.count {
                // Most of the millions of bytes of a picture are none, and only those that are get a closer look.
                if bytes[place] == 13, bytes[place..<(place + delimiter.count)].elementsEqual(delimiter) { return place }
                place += 1
            }
            return nil
        }
    }

    /// Where the line of a delimiter ends, nil when anything else stands in it.
    private mutating func endOfLine(_ start: Int) -> Int? {
        let rest = body[start...]
        let isClose = rest.starts(with: "--".utf8)
        let line = (isClose ? rest.dropFirst(2) : rest).drop { $0 == 32 || $0 == 9 }
        if isClose, line.isEmpty || line.starts(with: [13, 10]) {
            isAtClose = true
            return line.startIndex
        }
        return line.starts(with: [13, 10]) ? line.startIndex + 2 : nil
    }
}

/// `word; name=value; name="quoted value"`.
private struct HeaderParameters {
    /// What stands first, in small letters.
    let word: String
    private var values: [String: String] = [:]

    init(_ text: String) {
        var rest = Substring(text)
        word = Self.take(&rest) { $0 == ";" }.lowercased()
        while rest.popFirst() != nil {
            let name = Self.take(&rest) { $0 == "=" || $0 == ";" }.lowercased()
            guard rest.first == "=" else { continue }
            rest.removeFirst()
            rest = rest.drop { $0 == " " || $0 == "\t" }
            let value = rest.first == "\"" ? Self.quoted(&rest) : Self.take(&rest) { $0 == ";" }
            // Two values of one name: neither can be trusted.
            values[name] = values[name] == nil ? value : ""
        }
    }

    subscript(_ name: String) -> String? { values[name] }

    private static func take(_ rest: inout Substring, until isEnd: (Character) -> Bool) -> String {
        let taken = rest.prefix { !isEnd($0) }
        rest = rest[taken.endIndex...]
        return trimmed(taken)
    }

    private static func quoted(_ rest: inout Substring) -> String {
        rest.removeFirst()
        var value = ""
        while let letter = rest.popFirst(), letter != "\"" {
            // Browsers leave a backslash as it is; only before a quote it means something.
            if letter == "\\", rest.first == "\"", let quote = rest.popFirst() { value.append(quote) } else { value.append(letter) }
        }
        rest = rest.drop { $0 != ";" }
        return value
    }
}

/// Without the spaces and tabs around it.
private func trimmed(_ text: Substring) -> String {
    func isSpace(_ letter: Character) -> Bool { letter == " " || letter == "\t" }
    let start = text.drop(while: isSpace)
    return start.lastIndex { !isSpace($0) }.map { String(start[...$0]) } ?? ""
}
