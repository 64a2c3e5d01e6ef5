import Curl
import Foundation
import Testing

@Suite struct RetryAfterTests {
    /// 2026-11-24 12:00:00 UTC, a Tuesday.
    private let now = Date(timeIntervalSince1970: 1_795_521_600)

    @Test(arguments: [
        ("0", 0), ("1", 1), ("120", 120), (" 7 ", 7), ("3600", 3600), ("3601", 3600), ("99999999999999999999999", 3600),
        ("Tue, 24 Nov 2026 12:01:30 GMT", 90), ("Tue, 24 Nov 2026 11:00:00 GMT", 0), ("Fri, 01 Jan 2027 00:00:00 GMT", 3600),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
    ])
    func bothFormsAreRead(text: String, seconds: Int) {
        #expect(RetryAfter.seconds(text, now: now) == seconds)
    }

    @Test(arguments: [
        "", " ", "-1", "+5", "1.5", "5s", "soon", "0x10", "\u{0661}", "Tue, 24 Nov 2026 12:01:30", "24 Nov 2026 12:01:30 GMT",
        "Tue, 24 Foo 2026 12:01:30 GMT", "Tue, 24 Nov 2026 99:01:30 GMT", "Tuesday, 24-Nov-26 12:01:30 GMT",
        String(repeating: "1", count: 65),
    ])
    func anythingElseIsNotRead(text: String) {
        #expect(RetryAfter.seconds(text, now: now) == nil)
    }
}
