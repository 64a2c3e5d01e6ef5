public import Foundation

/// A report cannot be made as it was asked for.
public enum ReportError: Error, Equatable, CustomStringConvertible {
    /// A name or number does not exist.
    case unknown(kind: String, name: String)
    /// A bound between two hours: usage is counted by the hour.
    case notFullHour(Date)
    /// A period that ends before it begins, or at once.
    case emptyPeriod(from: Date, to: Date)
    /// More rows than a report may have.
    case tooManyRows(Int)

    public var description: String {
        switch self {
        case .unknown("model", let name): return "there is no model '\(name)': see `zadmin price list`"
        case .unknown(let kind, let name): return "there is no \(kind) '\(name)': see `zadmin \(kind) list`"
        case .notFullHour(let date):
            let hour = Date(timeIntervalSince1970: (date.timeIntervalSince1970 / 3600).rounded(.down) * 3600)
            return "usage is counted by the hour, and \(text(date)) is between two: write \(text(hour)) or "
                + "\(text(hour.addingTimeInterval(3600)))"
        case .emptyPeriod(let from, let to):
            return "the period from \(text(from)) to \(text(to)) is empty: --to is the first moment after it, so the whole "
                + "of one day is --from 2026-12-31 --to 2027-01-01"
        case .tooManyRows(let rowsMax):
            return "the report has more than \(rowsMax) rows: narrow it, or ask --by day"
        }
    }

    private func text(_ date: Date) -> String { date.formatted(.iso8601) }
}
