public import Foundation

/// The header `Retry-After`: a number of seconds, or a date as HTTP writes it.
public enum RetryAfter {
    /// Nobody makes us wait longer by asking for it.
    public static let secondsMax = 3600

    /// How long to wait, 0 to ``secondsMax``; nil when the header is neither form.
    public static func seconds(_ text: String, now: Date) -> Int? {
        let text = text.trimmingCharacters(in: .whitespaces)
        guard (1...64).contains(text.utf8.count) else { return nil }
        if text.utf8.allSatisfy({ (48...57).contains($0) }) {
            // Digits that are no Int are more than it holds.
            return min(Int(text) ?? secondsMax, secondsMax)
        }
        guard let date = date(text) else { return nil }
        return Int(min(max(date.timeIntervalSince(now).rounded(.up), 0), Double(secondsMax)))
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that is still written.
    private static func date(_ text: String) -> Date? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let shape = /[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]) GMT/
        guard let match = text.wholeMatch(of: shape), let month = months.firstIndex(of: String(match.2)) else { return nil }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return try? Date("\(match.3)-\(number)-\(match.1)T\(match.4)Z", strategy: .iso8601)
    }
}
