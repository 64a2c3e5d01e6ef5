import Foundation

/// Reads the times of an invoice: `2026-11-03T15:00:00Z`, `2026-11-03 15:00:00.5+08:00`, the same without a zone, a
/// date alone, or seconds or milliseconds since 1970. Its own, because an invoice has a million of them and Foundation's
/// reading takes microseconds and forgives the 30th of February.
struct InvoiceClock {
    /// The zone of times that name none.
    let timeZone: TimeZone
    /// What the zone added to UTC in an hour of local time: zones change at full hours or quarters at most.
    private var offsets: [Int: Int] = [:]

    init(timeZone: TimeZone) { self.timeZone = timeZone }

    /// Seconds since 1970; nil when the text is no time. Fractions of a second are cut off.
    mutating func seconds(_ text: ArraySlice<UInt8>) -> Int? {
        var scan = DigitScan(text)
        if let whole = scan.all() { return Self.sinceEpoch(whole, digits: text.count) }
        guard let year = scan.number(4), scan.skip("-"), let month = scan.number(2), scan.skip("-"),
            let day = scan.number(2), let midnight = Self.midnight(year, month, day)
        else { return nil }
        if scan.isAtEnd { return local(midnight) }
        guard scan.skip("T") || scan.skip(" "), let hour = scan.number(2), hour < 24, scan.skip(":"),
            let minute = scan.number(2), minute < 60
        else { return nil }
        var second = 0
        if scan.skip(":") {
            guard let number = scan.number(2), number < 60 else { return nil }
            second = number
            if scan.skip("."), !scan.skipDigits() { return nil }
        }
        let time = midnight + hour * 3600 + minute * 60 + second
        if scan.isAtEnd { return local(time) }
        return scan.zone().map { time - $0 }
    }

    /// Ten digits are seconds from 2001 to 2286, thirteen are milliseconds of the same years.
    private static func sinceEpoch(_ number: Int, digits: Int) -> Int? {
        switch digits {
        case 10: number
        case 13: number / 1000
        default: nil
        }
    }

    /// The moment of a local time.
    private mutating func local(_ time: Int) -> Int {
        let quarter = time / 900
        if let offset = offsets[quarter] { return time - offset }
        // The zone's answer needs the moment that is looked for, so it is asked twice.
        let guess = time - timeZone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(time)))
        let offset = timeZone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(guess)))
        // A year has 35,040 quarters; a file with more than that is not worth remembering.
        if offsets.count > 50_000 { offsets.removeAll() }
        offsets[quarter] = offset
        return time - offset
    }

    /// Seconds since 1970 at the start of a day in UTC; nil when the calendar has no such day.
    private static func midnight(_ year: Int, _ month: Int, _ day: Int) -> Int? {
        guard (1970...9999).contains(year), (1...12).contains(month), day >= 1 else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard day <= lengths[month - 1] else { return nil }
        let before = year - 1
        let years = (year - 1970) * 365 + before / 4 - before / 100 + before / 400 - 477
        return (years + lengths.prefix(month - 1).reduce(0, +) + day - 1) * 86_400
    }
}

/// Walks over digits and signs.
private struct DigitScan {
    private var rest: ArraySlice<UInt8>

    init(_ text: ArraySlice<UInt8>) { rest = text }

    var isAtEnd: Bool { rest.isEmpty }

    /// The number that all of the text is, if it is one.
    func all() -> Int? {
        guard !rest.isEmpty, rest.count <= 13 else { return nil }
        var copy = self
        return copy.number(rest.count)
    }

    mutating func number(_ digits: Int) -> Int? {
        guard rest.count >= digits else { return nil }
        var value = 0
        for byte in rest.prefix(digits) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        rest = rest.dropFirst(digits)
        return value
    }

    mutating func skip(_ sign: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: sign) else { return false }
        rest = rest.dropFirst()
        return true
    }

    mutating func skipDigits() -> Bool {
        guard number(1) != nil else { return false }
        while number(1) != nil {}
        return true
    }

    /// `Z`, `UTC` or `+08:00`, `+0800`, `+08` to the end, in seconds east of UTC.
    mutating func zone() -> Int? {
        _ = skip(" ")
        if rest.elementsEqual("Z".utf8) || rest.elementsEqual("UTC".utf8) { return 0 }
        let isWest = rest.first == UInt8(ascii: "-")
        guard skip("+") || skip("-"), let hours = number(2), hours <= 14 else { return nil }
        _ = skip(":")
        let minutes = isAtEnd ? 0 : number(2)
        guard let minutes, minutes < 60, isAtEnd else { return nil }
        return (hours * 3600 + minutes * 60) * (isWest ? -1 : 1)
    }
}
