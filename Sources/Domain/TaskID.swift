/// The number of a task in the database. Customers see it only through a ``TaskCode``.
public struct TaskID: Sendable, Hashable {
    /// The number; 1 or more.
    public let value: Int64
    /// Wraps a number from the database.
    public init(_ value: Int64) { self.value = value }
}

/// Turns task numbers into eight letters and digits and back, so that ids need no index of their own and do not tell
/// how many tasks there are.
///
/// It is a keyed permutation of the numbers below 36^8 (a Feistel network over 42 bits, walked until the result is in
/// range). It hides counts, it protects nothing: who may see a task is decided by its account alone.
public struct TaskCode: Sendable {
    private static let size: UInt64 = 2_821_109_907_456  // 36^8
    private static let halfBits: UInt64 = 21
    private static let mask: UInt64 = (1 << 21) - 1
    private static let alphabet = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)

    let roundKeys: [UInt64]

    /// - Parameter key: 32 bytes of the service's secret.
    public init(key: [UInt8]) {
        precondition(key.count == 32, "the key of task codes has 32 bytes")
        roundKeys = (0..<4).map { round in
            key[(round * 8)..<(round * 8 + 8)].reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    /// The eight characters of a task.
    public func encode(_ id: TaskID) -> String {
        var value = permute(UInt64(id.value), keys: roundKeys, forward: true)
        while value >= Self.size { value = permute(value, keys: roundKeys, forward: true) }
        var text = [UInt8](repeating: 48, count: 8)
        for index in (0..<8).reversed() {
            text[index] = Self.alphabet[Int(value % 36)]
            value /= 36
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The task of eight characters; nil when they are none of ours.
    public func decode(_ text: some StringProtocol) -> TaskID? {
        guard text.utf8.count == 8 else { return nil }
        var value: UInt64 = 0
        for byte in text.utf8 {
            guard let digit = Self.alphabet.firstIndex(of: byte) else { return nil }
            value = value * 36 + UInt64(digit)
        }
        value = permute(value, keys: roundKeys.reversed(), forward: false)
        while value >= Self.size { value = permute(value, keys: roundKeys.reversed(), forward: false) }
        return value == 0 ? nil : TaskID(Int64(value))
    }

    private func permute(_ value: UInt64, keys: [UInt64], forward: Bool) -> UInt64 {
        var (left, right) = (value >> Self.halfBits, value & Self.mask)
        for key in keys {
            if forward {
                (left, right) = (right, left ^ mix(right, key))
            } else {
                (left, right) = (right ^ mix(left, key), left)
            }
        }
        return left << Self.halfBits | right
    }

    private func mix(_ half: UInt64, _ key: UInt64) -> UInt64 { Self.scramble(half &+ key) & Self.mask }

    /// The finalizer of SplitMix64.
    static func scramble(_ value: UInt64) -> UInt64 {
        var word = value &* 0x9e37_79b9_7f4a_7c15
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}

/// A task's id as the unified dialect writes it: `task-unified-<seconds since 1970>-<8 letters or digits>`.
public struct UnifiedTaskID: Sendable, Equatable {
    /// The prefix that clients of this dialect rely on.
    public static let prefix = "task-unified-"
    /// When the task was made.
    public let createdSeconds: Int64
    /// The code.
    public let code: String

    /// The id of a task.
    public init(createdSeconds: Int64, code: String) {
        self.createdSeconds = createdSeconds
        self.code = code
    }

    /// Reads an id; nil when it is not spelt exactly as ``text`` spells it.
    public init?(_ text: some StringProtocol) {
        guard text.hasPrefix(Self.prefix) else { return nil }
        let parts = text.dropFirst(Self.prefix.count).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let seconds = Int64(parts[0]), seconds > 0, parts[1].utf8.count == 8 else { return nil }
        self.init(createdSeconds: seconds, code: String(parts[1]))
        // `+7` and `007` are numbers as well.
        guard self.text == text else { return nil }
    }

    /// The id's text.
    public var text: String { "\(Self.prefix)\(createdSeconds)-\(code)" }
}
