/// Ids in the shape of a UUID, for dialects whose clients expect one. They are computed from the task's code like all
/// others, and nothing of them is stored.
///
/// Of 122 free bits, 42 hold the code and 80 a check that follows from it, so that a mistyped id is nobody's. Version and
/// variant are those of a random UUID, because some clients accept no others.
extension TaskCode {
    private static let checkHighMask: UInt64 = (1 << 18) - 1
    private static let checkLowMask: UInt64 = (1 << 62) - 1

    /// The UUID of a task, in lower case.
    public func uuidText(_ id: TaskID) -> String { Self.uuidText(code: encode(id), check: check(encode(id))) }

    /// The task of a UUID; nil when it is not spelt exactly as ``uuidText(_:)`` spells it.
    public func decode(uuid text: some StringProtocol) -> TaskID? {
        let digits = text.utf8.filter { $0 != UInt8(ascii: "-") }
        guard text.utf8.count == 36, digits.count == 32,
            let high = UInt64(String(decoding: digits.prefix(16), as: UTF8.self), radix: 16)
        else { return nil }
        let code = String(high >> 22, radix: 36)
        guard code.utf8.count <= 8, let id = decode(String(repeating: "0", count: 8 - code.utf8.count) + code),
            uuidText(id) == text
        else { return nil }
        return id
    }

    private func check(_ code: String) -> (high: UInt64, low: UInt64) {
        let value = UInt64(code, radix: 36) ?? 0
        let high = Self.scramble(value ^ roundKeys[0]) ^ roundKeys[1]
        return (Self.scramble(high), Self.scramble(Self.scramble(high &+ roundKeys[2]) ^ roundKeys[3]))
    }

    private static func uuidText(code: String, check: (high: UInt64, low: UInt64)) -> String {
        let value = UInt64(code, radix: 36) ?? 0
        let highCheck = check.high & checkHighMask
        // 48 bits, the version, 12 bits; the variant, 62 bits.
        let high = value << 22 | (highCheck >> 12) << 16 | 4 << 12 | (highCheck & 0xfff)
        let low = 2 << 62 | (check.low & checkLowMask)
        let (first, second) = (hex(high), hex(low))
        return "\(first.prefix(8))-\(first.dropFirst(8).prefix(4))-\(first.suffix(4))-\(second.prefix(4))-\(second.dropFirst(4))"
    }

    private static func hex(_ word: UInt64) -> String {
        let text = String(word, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }
}
