import Foundation

/// What commands write for people and programs.
enum Output {
    /// Writes lines to standard output.
    static func write(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    /// A moment for people: UTC to the second.
    static func time(_ date: Date?) -> String { date.map { timeText($0) } ?? "-" }

    /// A moment for programs: ISO 8601.
    static func timeText(_ date: Date) -> String { date.formatted(.iso8601) }

    /// A number that may be missing.
    static func optional(_ number: Int?) -> String { number.map(String.init) ?? "-" }
}

/// A command cannot do what it was asked; the text says what to do.
struct CommandError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Reads `2026-12-31` (midnight UTC) or a full ISO 8601 moment.
func parseDate(_ text: String) throws -> Date {
    if let date = try? Date(text, strategy: .iso8601) { return date }
    if let date = try? Date(text, strategy: .iso8601.year().month().day()) { return date }
    throw CommandError("'\(text)' is not a date: write 2026-12-31 or 2026-12-31T15:00:00Z")
}
