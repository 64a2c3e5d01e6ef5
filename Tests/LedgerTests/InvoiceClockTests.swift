import Foundation
import Testing

@testable import Ledger

@Suite struct InvoiceClockTests {
    private func seconds(_ text: String, _ zone: String = "UTC") throws -> Int? {
        var clock = InvoiceClock(timeZone: try #require(TimeZone(identifier: zone)))
        return clock.seconds(Array(text.utf8)[...])
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-03T15:00:00Z", 1_793_718_000), ("2026-11-03 15:00:00", 1_793_718_000),
        ("2026-11-03T15:00:00.999Z", 1_793_718_000), ("2026-11-03T15:00Z", 1_793_718_000),
        ("2026-11-03 15:00:00 UTC", 1_793_718_000),
        ("2026-11-03T23:00:00+08:00", 1_793_718_000), ("2026-11-03T23:00:00+0800", 1_793_718_000),
        ("2026-11-03 23:00:00 +08", 1_793_718_000), ("2026-11-03T09:30:00-05:30", 1_793_718_000),
        ("2026-11-03", 1_793_664_000),
        ("1793718000", 1_793_718_000), ("1793718000123", 1_793_718_000), ("2000-02-29", 951_782_400),
        ("2024-02-29", 1_709_164_800),
    ])
    func aTimeIsRead(text: String, expected: Int) throws {
        #expect(try seconds(text) == expected)
    }

    @Test(arguments: [
        "", "2026-02-30", "2100-02-29", "2026-13-01", "2026-00-01", "2026-11-00", "2026-11-31", "2026-11-03T24:00:00",
        "1969-12-31",
        "2026-11-03T15:60:00Z", "2026-11-03T15:00:60Z", "2026-11-03T15", "2026-11-03T15:00:00.Z", "2026-11-03T15:00:00x",
        "2026-11-03T15:00:00+8", "2026-11-03T15:00:00+15:00", "2026-11-03T15:00:00+08:60", "20261103", "2026/11/03",
        "3.11.2026",
        "179371800", "17937180001", "yesterday", "2026-11-03T15:00:00Z ", "２０２６-11-03",
    ])
    func whatIsNoTimeIsNotGuessed(text: String) throws {
        #expect(try seconds(text) == nil)
    }

    @Test func aTimeWithoutZoneIsInTheInvoicesZone() throws {
        #expect(try seconds("2026-11-03 23:00:00", "Asia/Shanghai") == 1_793_718_000)
        #expect(try seconds("2026-11-04", "Asia/Shanghai") == 1_793_721_600)
        #expect(try seconds("2026-11-03T15:00:00Z", "Asia/Shanghai") == 1_793_718_000, "its own zone goes first")
        #expect(try seconds("1793718000", "Asia/Shanghai") == 1_793_718_000)
    }

    /// Every quarter of an hour of a year, one clock: Foundation's own calendar agrees, also around the changes to and
    /// from summer time.
    @Test(arguments: ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
    func aYearAgreesWithTheCalendar(zone: String) throws {
        let timeZone = try #require(TimeZone(identifier: zone))
        var clock = InvoiceClock(timeZone: timeZone)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timeZone
        for quarter in stride(from: 1_767_225_600, to: 1_798_761_600, by: 900) {
            let parts = calendar.dateComponents(
                [.year, .month, .day, .hour, .minute], from: Date(timeIntervalSince1970: TimeInterval(quarter)))
            func two(_ number: Int?) -> String { (number ?? 0) < 10 ? "0\(number ?? 0)" : "\(number ?? 0)" }
            let text = "\(parts.year ?? 0)-\(two(parts.month))-\(two(parts.day)) \(two(parts.hour)):\(two(parts.minute)):00"
            let read = clock.seconds(Array(text.utf8)[...])
            let found = try #require(read)
            // An hour that happens twice may be either.
            let again = calendar.dateComponents(
                [.year, .month, .day, .hour, .minute], from: Date(timeIntervalSince1970: TimeInterval(found)))
            if again != parts || abs(found - quarter) > 3600 {
                Issue.record("\(text) in \(zone) is read as \(found)")
                return
            }
        }
    }
}
