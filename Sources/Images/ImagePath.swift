public import Domain

/// Where a picture is in the store, with the hour as hours since 1970: `<hour>/<lease>-<index>.<format>` for a result, and
/// `<hour>/input-<token>.<format>` for a picture that a customer sent.
///
/// The lease keeps attempts apart: a worker that lost its lease cannot overwrite the picture of the one that has it.
/// The token keeps requests apart, because a sent picture is kept before its task has a number; nobody else's request can
/// name it. The hour lets the sweeper drop whole folders without asking the database.
public struct ImagePath: Sendable, Hashable {
    /// What makes a picture the only one of its hour.
    public enum Name: Sendable, Hashable {
        /// The attempt's lease, and the place among the task's pictures, from 0.
        case result(lease: Int64, index: Int)
        /// 32 hexadecimal digits, drawn by chance.
        case input(token: String)
    }

    /// Hours since 1970, when it was made.
    public let hour: Int64
    /// What it is called in that hour.
    public let name: Name
    /// How it is encoded.
    public let format: ImageFormat

    /// The path of a picture made at the given time.
    public init(atSeconds seconds: Int64, lease: Int64, index: Int, format: ImageFormat) {
        hour = seconds / 3600
        name = .result(lease: lease, index: index)
        self.format = format
    }

    /// A path of its own for a picture that was sent at the given time.
    public init(inputAtSeconds seconds: Int64, format: ImageFormat) {
        hour = seconds / 3600
        let token = (0..<2).map { _ in Self.hex(.random(in: .min ... .max)) }.joined()
        name = .input(token: token)
        self.format = format
    }

    /// Reads a path; nil when it does not have the shape, so that no other file can be named.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let hour = Self.number(parts[0]) else { return nil }
        let file = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        guard file.count == 2, let format = ImageFormat(rawValue: String(file[1])), let name = Self.name(file[0]) else {
            return nil
        }
        self.hour = hour
        self.name = name
        self.format = format
        // Leading zeros would give one picture many names.
        guard self.text == text else { return nil }
    }

    private static func name(_ text: some StringProtocol) -> Name? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        if parts[0] == "input" {
            let isToken = parts[1].utf8.count == 32 && parts[1].utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
            return isToken ? .input(token: String(parts[1])) : nil
        }
        guard let lease = number(parts[0]), let index = number(parts[1]) else { return nil }
        return .result(lease: lease, index: Int(index))
    }

    private static func number(_ text: some StringProtocol) -> Int64? {
        guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int64(text)
    }

    private static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Whether it is a picture that a customer sent: those are for providers and have no links.
    public var isInput: Bool {
        if case .input = name { true } else { false }
    }

    /// The path's text.
    public var text: String {
        switch name {
        case .result(let lease, let index): "\(hour)/\(lease)-\(index).\(format.rawValue)"
        case .input(let token): "\(hour)/input-\(token).\(format.rawValue)"
        }
    }
}
