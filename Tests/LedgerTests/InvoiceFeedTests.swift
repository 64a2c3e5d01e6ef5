import Domain
import Foundation
import Synchronization
import Testing

@testable import Ledger

@Suite struct InvoiceFeedTests {
    /// Feeds a file in pieces of the given size, and answers what COPY would get.
    private func copied(_ bytes: [UInt8], _ format: InvoiceFormat, piece: Int = 1 << 20) throws -> (String, InvoiceFeed) {
        let rest = Mutex(bytes[...])
        let feed = InvoiceFeed(format) {
            rest.withLock { rest in
                defer { rest = rest.dropFirst(piece) }
                return rest.isEmpty ? nil : Array(rest.prefix(piece))
            }
        }
        var output: [UInt8] = []
        while let chunk = try feed.nextChunk() { output += chunk }
        #expect(try feed.nextChunk() == nil, "the end stays the end")
        return (String(decoding: output, as: UTF8.self), feed)
    }

    private func copied(_ text: String, _ format: InvoiceFormat = .plain, piece: Int = 1 << 20) throws -> String {
        try copied(Array(text.utf8), format, piece: piece).0
    }

    private func refusal(_ text: String, _ format: InvoiceFormat = .plain) -> String {
        do { return "accepted: \(try copied(text, format))" } catch { return "\(error)" }
    }

    @Test func linesBecomeLinesOfCOPY() throws {
        let text = """
            \u{feff}time, note ,currency,id,amount\r
            2026-11-03T15:00:00Z,"a, ""b""
            c",usd, x-1 ,0.0042\r
            2026-11-03,,EUR,,-1\r

            1793718000,,USD,"tab\tback\\slash
            line",1e-6
            """
        let expected =
            "2\tx-1\t4200\tUSD\t1793718000\n" + "4\t\\N\t-1000000\tEUR\t1793664000\n"
            + "6\ttab\\tback\\\\slash\\nline\t1\tUSD\t1793718000\n"
        for piece in [1, 2, 3, 7, 1000] { #expect(try copied(text, piece: piece) == expected) }
    }

    @Test func linesThatSayThatNothingIsBilledAreLeftOut() throws {
        var format = InvoiceKind.zimageturbo.format
        try format.map("time=")
        let text = "task_id,status,amount\na,SUCCESS,0.02\nb,FAILED,0\nc,FAILED,0.02\nd,SUCCESS,0\n"
        let (lines, feed) = try copied(Array(text.utf8), format)
        #expect(lines == "2\ta\t20000\tUSD\t\\N\n4\tc\t20000\tUSD\t\\N\n5\td\t0\tUSD\t\\N\n", "what costs something counts")
        #expect(feed.skipped == 1)
    }

    @Test(
        arguments: [
            ("id,amount,currency,time", ["id", "amount", "currency", "time"]),
            ("Task ID,Cost,CURRENCY,Created-At", ["Task ID", "Cost", "CURRENCY", "Created-At"]),
            // Of several times the first in the order of the usual names; other columns do not matter.
            ("completed_at,request_id,price,currency,created_at,status", ["request_id", "price", "currency", "created_at"]),
            ("provider_task_id,total,currency", ["provider_task_id", "total", "currency", nil]),
        ] as [(String, [String?])])
    func columnsOfUsualNamesAreFound(head: String, columns: [String?]) {
        let rest = Mutex<[UInt8]?>(Array("\(head)\n".utf8))
        let feed = InvoiceFeed(.plain) { rest.withLock { $0.take() } }
        // The first line is read, and then something is missing.
        #expect(throws: InvoiceError.noLines) { while try feed.nextChunk() != nil {} }
        let format = feed.formatRead
        let found = [format.idColumn, format.amountColumn, format.currencyColumn, format.timeColumn].map(\.name)
        #expect(found == columns)
    }

    @Test func theDigestIsTheFilesAlone() throws {
        let text = Array("id,amount,currency,time\na,1,USD,2026-11-03\n".utf8)
        let digests = try [1, 5, 1000].map { try copied(text, .plain, piece: $0).1.digest }
        #expect(Set(digests).count == 1 && digests[0].count == 32)
        #expect(try copied(text + [10], .plain).1.digest != digests[0])
    }

    private static let head = "id,amount,currency,time\n"

    @Test func aBadFileIsRefusedWithItsLineAndColumn() {
        let head = Self.head
        #expect(refusal("").hasPrefix("the file is empty"))
        #expect(refusal("\n\n\r\n").hasPrefix("the file is empty"))
        #expect(refusal("\u{feff}").hasPrefix("the file is empty"))
        #expect(refusal(head).contains("no line below"))
        #expect(refusal(head + "\n\n").contains("no line below"))
        #expect(
            refusal("id,amount,time\nx").contains(
                "no column 'currency' for the currency: it has 'id', 'amount' and 'time'; "
                    + "name the right one with --map currency=COLUMN, or which one it is with --currency USD"))
        #expect(
            refusal("task,amount\nx").contains(
                "or 'prediction_id' for the id: it has 'task' and 'amount'; name the right one with --map id=COLUMN"))
        #expect(
            refusal("id,amount,Task ID,currency,time\n").contains(
                "the columns 'id' and 'Task ID' may all be the id: say which one is with --map id=COLUMN"))
        #expect(refusal("id,amount,id,currency,time\n").contains("the columns 'id' and 'id' may all be the id"))
        #expect(
            refusal(head + "a,1,USD,2026-11-03\nb,ten,USD,2026-11-03").hasPrefix(
                "line 3, column 'amount': 'ten' is not an amount"))
        #expect(refusal(head + "a,,USD,2026-11-03").hasPrefix("line 2, column 'amount': '' is not an amount"))
        #expect(refusal(head + "a,\"1,5\",USD,2026-11-03").hasPrefix("line 2, column 'amount': '1,5' is not an amount"))
        #expect(refusal(head + "a,2000000,USD,2026-11-03").contains("more than 1000000 of a currency"))
        #expect(
            refusal(head + "\"a\n\",1,USD,2026-11-03\nb,1,$,2026-11-03").hasPrefix(
                "line 4, column 'currency': '$' is not a currency"))
        #expect(refusal(head + "a,1,,2026-11-03").hasPrefix("line 2, column 'currency': '' is not a currency"))
        #expect(refusal(head + "a,1,USD,2026-02-30").hasPrefix("line 2, column 'time': '2026-02-30' is not a time"))
        #expect(refusal(head + "a,1,USD").hasPrefix("line 2 has 3 fields, the first line has 4"))
        #expect(refusal(head + "a,1,\"USD,2026-11-03\n").hasPrefix("line 2: a quote opens here"))
        #expect(refusal(head + "\(String(repeating: "x", count: 513)),1,USD,2026-11-03").contains("longer than 512 bytes"))
        #expect(
            refusal("task_id,amount,created_at,status\na,0.0042,2026-11-03,TASK_STATUS_SUCCEED", InvoiceKind.novita.format)
                .hasPrefix("line 2, column 'amount': '0.0042' is not a whole number of 1/10000 of the currency"))
        var bytes = Array((head + "a").utf8)
        bytes.append(0xe9)
        #expect(throws: CSVError.notUTF8(line: 2, byte: 3, value: UInt8(ascii: ","))) {
            try copied(bytes + Array(",1,USD,2026-11-03".utf8), .plain)
        }
    }

    @Test func whatIsShownOfABadFileIsHarmlessAndShort() {
        let long = String(repeating: "y", count: 300)
        let value = refusal(Self.head + "a,\u{1b}[2J\(long),USD,2026-11-03")
        #expect(!value.contains("\u{1b}") && value.contains("yyy...") && value.count < 300)
        let columns = refusal((0..<200).map { "column\($0)" }.joined(separator: ",") + "\n")
        #expect(columns.contains("'column39' and 160 more") && !columns.contains("column40'"))
    }

    @Test func aSourceThatFailsEndsTheFeed() {
        struct Broken: Error {}
        let feed = InvoiceFeed(.plain) { throw Broken() }
        #expect(throws: Broken.self) { try feed.nextChunk() }
    }

    @Test func aFileHasSoManyLinesAndNoMore() throws {
        let lines = String(repeating: "a,1,USD,2026-11-03\n", count: 10)
        func feed(linesMax: Int) throws {
            let rest = Mutex<[UInt8]?>(Array((Self.head + lines).utf8))
            let feed = InvoiceFeed(.plain, linesMax: linesMax) { rest.withLock { $0.take() } }
            while try feed.nextChunk() != nil {}
        }
        try feed(linesMax: 10)
        #expect(throws: InvoiceError.tooManyLines(max: 9)) { try feed(linesMax: 9) }
    }
}
