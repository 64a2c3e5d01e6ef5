/// Blocks of addresses, such as those that a key may be used from or those of the proxies before this service.
public struct AddressList: Hashable, Sendable {
    /// The most blocks in one list.
    public static let blocksMax = 64

    /// The blocks, in the order in which they were given.
    public let blocks: [AddressBlock]

    /// No address at all.
    public static let none = AddressList(blocks: [])

    private init(blocks: [AddressBlock]) { self.blocks = blocks }

    /// Reads a comma list of addresses and blocks: `203.0.113.7,10.1.0.0/16,2001:db8::/32`. An empty text is no address.
    public init(_ text: String) throws(AddressListError) {
        guard text.contains(where: { !$0.isWhitespace }) else {
            self = .none
            return
        }
        let entries = text.split(separator: ",", omittingEmptySubsequences: false)
        guard entries.count <= Self.blocksMax else { throw .tooManyEntries(entries.count) }
        var blocks: [AddressBlock] = []
        for entry in entries {
            let bare = String(entry.drop { $0 == " " }.prefix { $0 != " " })
            guard let block = Self.block(bare) else { throw .malformed(entry: String(entry.prefix(64))) }
            blocks.append(block)
        }
        self.blocks = blocks
    }

    /// True when a block has the address; an IPv4 address inside IPv6 is the IPv4 address.
    public func contains(_ address: IPAddress) -> Bool {
        let address = address.unmapped
        return blocks.contains { $0.contains(address) }
    }

    /// In a list that somebody wrote an odd spelling is a slip: `010.0.0.0/8` would silently mean 8.0.0.0/8.
    private static func block(_ entry: String) -> AddressBlock? {
        let parts = entry.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = parts.first, let base = IPAddress(plain: String(first)) else { return nil }
        guard parts.count == 2 else { return AddressBlock(base: base, prefixBits: base.bytes.count * 8) }
        let digits = parts[1].utf8
        guard (1...3).contains(digits.count), digits.allSatisfy({ (48...57).contains($0) }), let bits = Int(parts[1])
        else { return nil }
        return AddressBlock(base: base, prefixBits: bits)
    }

    /// Who a request comes from. What a proxy of this list says in `X-Forwarded-For` is believed, and no more: the list is
    /// read from the right, over our own proxies, and the first address that is none of them is the customer's.
    /// - Parameters:
    ///   - peer: the other end of the connection; nil when it has no address.
    ///   - forwarded: the values of all `X-Forwarded-For` headers, in order.
    /// - Returns: nil when nobody can say.
    public func client(peer: String?, forwarded: [String]) -> IPAddress? {
        guard let peer, let connected = IPAddress(plain: peer)?.unmapped else { return nil }
        guard contains(connected) else { return connected }
        var client = connected
        let hops = forwarded.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
        for hop in hops.reversed().prefix(Self.blocksMax) {
            let text = String(hop.drop { $0 == " " }.prefix { $0 != " " })
            guard let address = IPAddress(plain: text)?.unmapped else { return nil }
            if !contains(address) { return address }
            client = address
        }
        return hops.count <= Self.blocksMax ? client : nil
    }
}

extension IPAddress {
    /// Reads an address in its usual spelling: four decimal numbers without leading zeros, or IPv6 with or without brackets.
    init?(plain text: String) {
        let characters = Array(text.utf8)
        guard characters.contains(UInt8(ascii: ":")) || IPv4Literal.strictBytes(characters[...]) != nil else { return nil }
        self.init(literal: text)
    }
}

/// What is wrong with a list of addresses; the entry is quoted, cut at 64 characters.
public enum AddressListError: Error, Equatable, CustomStringConvertible {
    /// Neither an address nor a block.
    case malformed(entry: String)
    /// More than ``AddressList/blocksMax`` entries.
    case tooManyEntries(Int)

    /// What to do about it.
    public var description: String {
        switch self {
        case .malformed(let entry):
            "\"\(entry)\" is no address and no block of addresses. Write for example 203.0.113.7, 10.1.0.0/16 or 2001:db8::/32"
        case .tooManyEntries(let count):
            "\(count) addresses are too many. Join them into at most \(AddressList.blocksMax) blocks"
        }
    }
}
