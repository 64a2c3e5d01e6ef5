public import Foundation

/// A calendar month in UTC.
public struct StatementMonth: Sendable, Equatable, CustomStringConvertible {
    private let year: Int
    private let month: Int

    private init(year: Int, month: Int) {
        self.year = year
        self.month = month
    }

    /// Reads `2026-11`; nil when the text is no month from 2000 on.
    public init?(_ text: String) {
        guard let match = text.wholeMatch(of: /(2[0-9]{3})-(0[1-9]|1[0-2])/), let year = Int(match.1), let month = Int(match.2)
        else { return nil }
        self.init(year: year, month: month)
    }

    /// `2026-11`.
    public var description: String { "\(year)-\(month < 10 ? "0" : "")\(month)" }

    /// `November 2026`.
    public var title: String {
        let names = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
            "December",
        ]
        return "\(names[month - 1]) \(year)"
    }

    /// The first moment.
    public var from: Date { Self.start(year, month) }
    /// The first moment of the next month.
    public var to: Date { month == 12 ? Self.start(year + 1, 1) : Self.start(year, month + 1) }

    private static func start(_ year: Int, _ month: Int) -> Date {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        guard let date = calendar.date(from: DateComponents(year: year, month: month, day: 1)) else {
            preconditionFailure("every month has a first day")
        }
        return date
    }
}
