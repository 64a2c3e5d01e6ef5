public import Domain

/// Where a picture is in the store: `<hour>/<lease>-<index>.<format>`, with the hour as hours since 1970.
///
/// The lease keeps attempts apart: a worker that lost its lease cannot overwrite the picture of the one that has it.
/// The hour lets the sweeper drop whole folders without asking the database.
public struct ImagePath: Sendable, Hashable {
    /// Hours since 1970, when it was made.
    public let hour: Int64
    /// The attempt's lease.
    public let lease: Int64
    /// The place among the task's pictures, from 0.
    public let index: Int
    /// How it is encoded.
    public let format: ImageFormat

    /// The path of a picture made at the given time.
    public init(atSeconds seconds: Int64, lease: Int64, index: Int, format: ImageFormat) {
        hour = seconds / 3600
        self.lease = lease
        self.index = index
        self.format = format
    }

    /// Reads a path; nil when it does not have the shape, so that no other file can be named.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let hour = Self.number(parts[0]) else { return nil }
        let name = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        guard name.count == 2, let format = ImageFormat(rawValue: String(name[1])) else { return nil }
        let numbers = name[0].split(separator: "-", omittingEmptySubsequences: false)
        guard numbers.count == 2, let lease = Self.number(numbers[0]), let index = Self.number(numbers[1]) else {
            return nil
        }
        self.hour = hour
        self.lease = lease
        self.index = Int(index)
        self.format = format
        // Leading zeros would give one picture many names.
        guard self.text == text else { return nil }
    }

    private static func number(_ text: some StringProtocol) -> Int64? {
        guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int64(text)
    }

    /// The path's text.
    public var text: String { "\(hour)/\(lease)-\(index).\(format.rawValue)" }
}
