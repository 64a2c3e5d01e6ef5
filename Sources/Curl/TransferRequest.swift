/// One HTTP request, with every limit that it runs under.
public struct TransferRequest: Sendable {
    /// What happens when the response body is longer than `responseBytesMax`.
    public enum Overflow: Sendable {
        /// The transfer fails with `CurlError.tooLarge`.
        case fail
        /// The transfer ends there; the response has the first `responseBytesMax` bytes.
        case truncate
    }

    /// Judges the numeric address (without zone) and port of a socket before it is connected. False refuses it.
    public typealias Egress = @Sendable (_ numericAddress: String, _ port: Int) -> Bool

    /// Told each part of the response body as it arrives, whatever the status; never more than `responseBytesMax` in all. It
    /// runs on the thread that moves every transfer, so it must be quick.
    public typealias BodyWatch = @Sendable (_ part: [UInt8]) -> Void

    /// The HTTP method in capitals: `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
    public var method: String
    /// The absolute `http` or `https` URL.
    public var url: String
    /// Request headers in order. Names must be tokens; values must not hold control characters.
    public var headers: [(name: String, value: String)]
    /// The request body; nil for none.
    public var body: [UInt8]?
    /// The whole time allowed, waiting for a free slot included; 0.001 to 3600.
    public var timeoutSeconds: Double
    /// The part of it that resolving, connecting and the TLS handshake may take; 0.001 to 3600.
    public var connectTimeoutSeconds: Double
    /// The most response body bytes that are kept.
    public var responseBytesMax: Int
    /// What a longer response body does.
    public var overflow: Overflow
    /// The rule for an address that a customer named; nil only for addresses that the operator configured.
    public var egress: Egress?
    /// A PEM file of authorities that are trusted besides the system's; nil for the system's alone.
    public var caFile: String?
    /// Told the body while it arrives; the response has it as well.
    public var onBody: BodyWatch?

    /// A request; every limit has a moderate default.
    public init(
        method: String = "GET",
        url: String,
        headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil,
        timeoutSeconds: Double = 30,
        connectTimeoutSeconds: Double = 5,
        responseBytesMax: Int = 1 << 20,
        overflow: Overflow = .fail,
        egress: Egress?,
        caFile: String? = nil,
        onBody: BodyWatch? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeoutSeconds = timeoutSeconds
        self.connectTimeoutSeconds = connectTimeoutSeconds
        self.responseBytesMax = responseBytesMax
        self.overflow = overflow
        self.egress = egress
        self.caFile = caFile
        self.onBody = onBody
    }

    /// The reason why this request cannot be sent as it stands, or nil.
    var fault: String? {
        guard ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(method) else {
            return "the method is not one of GET, HEAD, POST, PUT, PATCH, DELETE"
        }
        // libcurl takes C strings: a zero byte would silently cut the URL that was checked elsewhere.
        guard url.utf8.count <= 8192, url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            return "the URL is too long or holds a space or control character"
        }
        guard headers.count <= 64, headers.allSatisfy({ Self.isToken($0.name) && Self.isValue($0.value) }) else {
            return "more than 64 headers, or a header holds a character that HTTP does not allow"
        }
        guard [timeoutSeconds, connectTimeoutSeconds].allSatisfy({ (0.001...3600).contains($0) }) else {
            return "a timeout is not between 0.001 and 3600 seconds"
        }
        return responseBytesMax < 0 ? "the limit of response bytes is negative" : nil
    }

    private static func isToken(_ name: String) -> Bool {
        let marks = Array("!#$%&'*+-.^_`|~".utf8)
        return (1...128).contains(name.utf8.count)
            && name.utf8.allSatisfy { character in
                switch character {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"):
                    true
                default: marks.contains(character)
                }
            }
    }

    private static func isValue(_ value: String) -> Bool {
        value.utf8.count <= 8192 && value.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7f) || $0 == 0x09 }
    }
}

/// An HTTP response of any status; redirects arrive here as they are and are never followed.
public struct TransferResponse: Sendable {
    /// The status code, 200...599.
    public let status: Int
    /// The headers in order, names in lower case; at most 128.
    public let headers: [(name: String, value: String)]
    /// The body, at most `responseBytesMax` bytes.
    public let body: [UInt8]
    /// True when the body was longer and the request asked to truncate.
    public let isTruncated: Bool

    /// The first header of that name (lower case), or nil.
    public func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }
}
