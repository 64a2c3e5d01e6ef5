/// Reads IPv4 the way `inet_aton` does, because the C library resolves all these spellings to an address.
enum IPv4Literal {
    /// Four bytes, or nil when this is not an IPv4 address in any spelling.
    static func bytes(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (1...4).contains(parts.count) else { return nil }
        var numbers: [UInt64] = []
        for part in parts {
            guard let number = number(part) else { return nil }
            numbers.append(number)
        }
        let last = numbers.removeLast()
        // All parts but the last are one byte; the last fills every byte that is left.
        let lastBits = UInt64(32 - 8 * numbers.count)
        guard numbers.allSatisfy({ $0 <= 0xff }), last >> lastBits == 0 else { return nil }
        var value = last
        for (index, number) in numbers.enumerated() { value |= number << UInt64(24 - 8 * index) }
        return [24, 16, 8, 0].map { UInt8((value >> UInt64($0)) & 0xff) }
    }

    /// Four bytes from exactly four decimal numbers without leading zeros, as the tail of an IPv6 address.
    static func strictBytes(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4,
            parts.allSatisfy({ $0.count == 1 || ($0.count <= 3 && $0.first != UInt8(ascii: "0")) })
        else { return nil }
        return bytes(text)
    }

    private static func number(_ text: ArraySlice<UInt8>) -> UInt64? {
        guard let first = text.first else { return nil }
        guard first == UInt8(ascii: "0"), text.count > 1 else { return number(text, radix: 10) }
        let rest = text.dropFirst()
        if rest.first == UInt8(ascii: "x") || rest.first == UInt8(ascii: "X") {
            return number(rest.dropFirst(), radix: 16)
        }
        return number(rest, radix: 8)
    }

    private static func number(_ digits: ArraySlice<UInt8>, radix: UInt64) -> UInt64? {
        guard !digits.isEmpty else { return nil }
        var value: UInt64 = 0
        for character in digits {
            guard let digit = hexDigit(character), digit < radix else { return nil }
            value = value * radix + digit
            guard value <= UInt64(UInt32.max) else { return nil }
        }
        return value
    }
}

/// Reads IPv6 in the forms of RFC 4291: eight groups, one `::`, and a dotted IPv4 address as the last 32 bits.
enum IPv6Literal {
    /// Sixteen bytes, or nil. A zone id (`%`) is not part of an address, so it makes this nil.
    static func bytes(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let colon = UInt8(ascii: ":")
        guard let gap = text.indices.first(where: { $0 + 1 < text.endIndex && text[$0] == colon && text[$0 + 1] == colon })
        else {
            return groups(text, isEnd: true).flatMap { $0.count == 16 ? $0 : nil }
        }
        let before = text[..<gap], after = text[(gap + 2)...]
        guard let head = before.isEmpty ? [] : groups(before, isEnd: false),
            let tail = after.isEmpty ? [] : groups(after, isEnd: true),
            // `::` stands for at least one group of zeros.
            head.count + tail.count <= 14
        else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    private static func groups(_ text: ArraySlice<UInt8>, isEnd: Bool) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        var bytes: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if isEnd, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let tail = IPv4Literal.strictBytes(part) else { return nil }
                bytes += tail
                continue
            }
            guard (1...4).contains(part.count) else { return nil }
            var value: UInt64 = 0
            for character in part {
                guard let digit = hexDigit(character) else { return nil }
                value = value * 16 + digit
            }
            bytes += [UInt8(value >> 8), UInt8(value & 0xff)]
        }
        return bytes
    }
}

private func hexDigit(_ character: UInt8) -> UInt64? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(character - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(character - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(character - UInt8(ascii: "A")) + 10
    default: nil
    }
}
