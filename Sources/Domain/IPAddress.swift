/// A numeric internet address: 4 bytes (IPv4) or 16 bytes (IPv6) in network order, without zone or port.
public struct IPAddress: Hashable, Sendable {
    /// 4 or 16 bytes, most significant first.
    public let bytes: [UInt8]

    /// True for 4 bytes.
    public var isIPv4: Bool { bytes.count == 4 }

    /// The IPv4 address inside an IPv4-mapped IPv6 address (`::ffff:0:0/96`), otherwise the address itself.
    /// The kernel connects a mapped address over IPv4, so that is what a rule has to judge.
    public var unmapped: IPAddress {
        guard bytes.count == 16, bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff
        else { return self }
        return IPAddress(checked: Array(bytes[12...]))
    }

    /// An IPv4 address from its four bytes.
    public init(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8) {
        bytes = [first, second, third, fourth]
    }

    /// Reads an address as it may stand in a URL: IPv6 bare or in brackets, IPv4 in every spelling that
    /// `inet_aton` accepts (1 to 4 parts, each decimal, octal with `0` or hexadecimal with `0x`).
    /// Nil for everything else: names, zone ids (`fe80::1%eth0`), ports, spaces, more than 64 characters.
    public init?(literal text: String) {
        let characters = Array(text.utf8)
        guard !characters.isEmpty, characters.count <= 64 else { return nil }
        if characters.first == UInt8(ascii: "[") {
            guard characters.last == UInt8(ascii: "]"), characters.count > 2,
                let parsed = IPv6Literal.bytes(characters[1..<characters.count - 1])
            else { return nil }
            bytes = parsed
        } else if characters.contains(UInt8(ascii: ":")) {
            guard let parsed = IPv6Literal.bytes(characters[...]) else { return nil }
            bytes = parsed
        } else {
            guard let parsed = IPv4Literal.bytes(characters[...]) else { return nil }
            bytes = parsed
        }
    }

    fileprivate init(checked bytes: [UInt8]) {
        self.bytes = bytes
    }
}

/// A block of addresses of one family: those that share their first `prefixBits` bits with `base`.
public struct AddressBlock: Hashable, Sendable {
    /// The lowest address of the block.
    public let base: IPAddress
    /// How many leading bits are fixed: 0...32 for IPv4, 0...128 for IPv6.
    public let prefixBits: Int

    /// Nil when the prefix is too long for the family or `base` has bits set behind it.
    /// A block inside `::ffff:0:0/96` becomes the IPv4 block that it stands for.
    public init?(base: IPAddress, prefixBits: Int) {
        guard prefixBits >= 0, prefixBits <= base.bytes.count * 8 else { return nil }
        let isMapped = !base.isIPv4 && base.unmapped.isIPv4 && prefixBits >= 96
        self.init(unchecked: isMapped ? base.unmapped : base, isMapped ? prefixBits - 96 : prefixBits)
        for (index, byte) in self.base.bytes.enumerated() where byte & ~mask(index) != 0 { return nil }
    }

    /// True when the address is of the same family and inside the block.
    public func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == base.bytes.count else { return false }
        return base.bytes.indices.allSatisfy { (address.bytes[$0] ^ base.bytes[$0]) & mask($0) == 0 }
    }

    /// A written-down IPv4 block of the rule's own tables.
    static func v4(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8, _ bits: Int) -> AddressBlock {
        AddressBlock(unchecked: IPAddress(first, second, third, fourth), bits)
    }

    /// A written-down IPv6 block of the rule's own tables, from its first three groups of 16 bits.
    static func v6(_ first: UInt16, _ second: UInt16, _ third: UInt16, _ bits: Int) -> AddressBlock {
        let head = [first, second, third].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
        return AddressBlock(unchecked: IPAddress(checked: head + [UInt8](repeating: 0, count: 10)), bits)
    }

    private init(unchecked base: IPAddress, _ prefixBits: Int) {
        self.base = base
        self.prefixBits = prefixBits
    }

    private func mask(_ index: Int) -> UInt8 {
        let fixedBits = min(max(prefixBits - index * 8, 0), 8)
        return fixedBits == 0 ? 0 : UInt8.max << (8 - fixedBits)
    }
}
