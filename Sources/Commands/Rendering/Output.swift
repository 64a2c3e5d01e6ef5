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

/// Reads `2026-12-31` (midnight UTC) or a full ISO 8601 moment. Foundation's own reading is generous: it makes the 30th
/// of February the 2nd of March, and drops a time that has no zone. A price or a key must not start on such a guess.
func parseDate(_ text: String) throws -> Date {
    let refusal = CommandError("'\(text)' is not a date: write 2026-12-31 or 2026-12-31T15:00:00Z")
    let shape = /([0-9]{4}-[0-9]{2}-[0-9]{2})(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-][0-9]{2}:[0-9]{2}))?/
    let days = Date.ISO8601FormatStyle.iso8601.year().month().day()
    guard let match = text.wholeMatch(of: shape), let midnight = try? Date(String(match.1), strategy: days),
        midnight.formatted(days) == match.1
    else { throw refusal }
    guard match.2 != nil else { return midnight }
    guard let moment = try? Date(text, strategy: .iso8601) else { throw refusal }
    return moment
}
