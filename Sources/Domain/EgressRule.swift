/// An exception that the operator makes from the address rule: a block of addresses and one port or all.
public struct EgressAllowance: Hashable, Sendable {
    /// The addresses.
    public let block: AddressBlock
    /// The port, 1...65535; nil for every port.
    public let port: Int?

    /// An allowance from its parts.
    public init(block: AddressBlock, port: Int?) {
        self.block = block
        self.port = port
    }

    /// The most entries in one setting.
    public static let entriesMax = 64

    /// Reads the setting `ZIMAGE_EGRESS_ALLOW`: a comma list of `CIDR:port`, the port a number or `*`, an IPv6
    /// address in brackets: `127.0.0.1/32:8443,[::1]/128:*`. An empty text is no allowance at all.
    public static func parse(_ setting: String) throws(EgressAllowanceError) -> [EgressAllowance] {
        guard setting.contains(where: { !$0.isWhitespace }) else { return [] }
        let entries = setting.split(separator: ",", omittingEmptySubsequences: false)
        guard entries.count <= entriesMax else { throw .tooManyEntries(entries.count) }
        var allowances: [EgressAllowance] = []
        for entry in entries { allowances.append(try parse(entry: trimmed(entry))) }
        return allowances
    }

    func matches(_ address: IPAddress, port: Int) -> Bool {
        (self.port ?? port) == port && block.contains(address.unmapped)
    }

    private static func parse(entry: String) throws(EgressAllowanceError) -> EgressAllowance {
        let slashParts = entry.split(separator: "/", omittingEmptySubsequences: false)
        guard slashParts.count == 2 else { throw .malformed(entry: bounded(entry)) }
        let tail = slashParts[1].split(separator: ":", omittingEmptySubsequences: false)
        let address = String(slashParts[0])
        // A bare IPv6 address is refused here as well, so that every entry reads the same way.
        guard tail.count == 2, let base = strictAddress(address) else { throw .malformed(entry: bounded(entry)) }
        guard let bits = decimal(tail[0], max: 128), let block = AddressBlock(base: base, prefixBits: bits) else {
            throw .badPrefix(entry: bounded(entry))
        }
        if tail[1] == "*" { return EgressAllowance(block: block, port: nil) }
        guard let port = decimal(tail[1], max: 65535), port > 0 else { throw .badPort(entry: bounded(entry)) }
        return EgressAllowance(block: block, port: port)
    }

    /// In a setting an odd spelling is a slip, not an attack: `010.0.0.0/8` would silently mean 8.0.0.0/8.
    private static func strictAddress(_ text: String) -> IPAddress? {
        if text.hasPrefix("[") { return IPAddress(literal: text) }
        return IPv4Literal.strictBytes(Array(text.utf8)[...]).flatMap { _ in IPAddress(literal: text) }
    }

    private static func decimal(_ text: Substring, max: Int) -> Int? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
            let number = Int(text), number <= max
        else { return nil }
        return number
    }

    private static func trimmed(_ text: Substring) -> String {
        let start = text.drop(while: \.isWhitespace)
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }

    private static func bounded(_ text: String) -> String { String(text.prefix(64)) }
}

/// What is wrong with the setting `ZIMAGE_EGRESS_ALLOW`; the entry is quoted, cut at 64 characters.
public enum EgressAllowanceError: Error, Equatable, CustomStringConvertible {
    /// Not of the form `CIDR:port`.
    case malformed(entry: String)
    /// The prefix length does not fit the address.
    case badPrefix(entry: String)
    /// The port is neither 1...65535 nor `*`.
    case badPort(entry: String)
    /// More than `EgressAllowance.entriesMax` entries.
    case tooManyEntries(Int)

    /// What to do about it.
    public var description: String {
        switch self {
        case .malformed(let entry):
            "\"\(entry)\" is not CIDR:port. Write for example 10.1.0.0/16:443 or [fd00::]/8:*"
        case .badPrefix(let entry):
            "\"\(entry)\" has a wrong prefix. Use 0 to 32 (IPv4) or 0 to 128 (IPv6), and no address bits behind it"
        case .badPort(let entry):
            "\"\(entry)\" has a wrong port. Use a number from 1 to 65535, or * for every port"
        case .tooManyEntries(let count):
            "\(count) entries are too many. Join them into at most \(EgressAllowance.entriesMax) blocks"
        }
    }
}

/// The one decision about every outgoing connection to an address that a customer named.
public struct EgressRule: Hashable, Sendable {
    /// The operator's exceptions; empty in an ordinary deployment.
    public let allowances: [EgressAllowance]

    /// A rule with the operator's exceptions.
    public init(allowances: [EgressAllowance] = []) {
        self.allowances = allowances
    }

    /// True for a public address on port 80 or 443, and for whatever an allowance matches.
    public func permits(address: IPAddress, port: Int) -> Bool {
        ((port == 80 || port == 443) && AddressRule.isPublic(address)) || isAllowance(address: address, port: port)
    }

    /// The same for the text of a socket's address, as the network layer reports it; false when it is none.
    public func permits(numericAddress: String, port: Int) -> Bool {
        IPAddress(literal: numericAddress).map { permits(address: $0, port: port) } ?? false
    }

    /// True when one of the operator's exceptions matches.
    public func isAllowance(address: IPAddress, port: Int) -> Bool {
        allowances.contains { $0.matches(address, port: port) }
    }

    /// True when some exception opens this port, whatever the address: all that can be said about a name
    /// before it is resolved.
    public func hasAllowance(port: Int) -> Bool {
        allowances.contains { ($0.port ?? port) == port }
    }
}
