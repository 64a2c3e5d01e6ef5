import Domain
import Foundation
import Testing

@testable import Ledger

@Suite struct InvoiceFormatTests {
    private func refusal(_ change: (inout InvoiceFormat) throws -> Void) -> String {
        var format = InvoiceFormat.plain
        do {
            try change(&format)
            _ = try format.checked()
        } catch { return "\(error)" }
        return ""
    }

    @Test func columnsAreOverriddenOneByOne() throws {
        var format = InvoiceKind.novita.format
        try format.map("id=request,amount=cost in USD,currency=,time=,status=")
        #expect(format.idColumn == .named("request") && format.amountColumn == .named("cost in USD"))
        #expect([format.currencyColumn, format.timeColumn, format.statusColumn] == [.none, .none, .none])
        #expect(format.currency == "USD" && format.unitsPerCurrency == 10_000, "what is not named stays")
        try format.map("currency=a=b")
        #expect(format.currencyColumn == .named("a=b"))
        _ = try format.checked()
    }

    @Test func aBadMappingIsRefusedWithAdvice() {
        #expect(refusal { try $0.map("task_id") }.contains("FIELD=COLUMN"))
        #expect(refusal { try $0.map("") }.contains("FIELD=COLUMN"))
        #expect(refusal { try $0.map("id=a,id=b") }.contains("'id' twice"))
        #expect(refusal { try $0.map("price=a") }.contains("id, amount, currency, time and status, not 'price'"))
        #expect(refusal { try $0.map("id=") }.contains("must name a column for 'id'"))
        #expect(refusal { try $0.map("amount=") }.contains("must name a column for 'amount'"))
        #expect(refusal { try $0.map("currency=") }.contains("--currency USD"))
        #expect(refusal { try $0.map("status=state") }.contains("--billed-status"))
        #expect(refusal { $0.currency = "usd" }.contains("three capital letters"))
        #expect(refusal { $0.currency = "DOLLAR" }.contains("three capital letters"))
        #expect(refusal { $0.roundingDecimals = 7 }.contains("0 to 6"))
        #expect(refusal { $0.roundingDecimals = -1 }.contains("0 to 6"))
        #expect(refusal { $0.unitsPerCurrency = 1024 }.contains("--units is 1, 10"))
        #expect(refusal { $0.unitsPerCurrency = 0 }.contains("--units is 1, 10"))
        #expect(refusal { _ in } == "")
    }

    @Test(arguments: InvoiceKind.allCases) func everyKindIsAFormatThatCanBeRead(kind: InvoiceKind) throws {
        let format = try kind.format.checked()
        #expect(format != .plain)
        #expect(format.timeZone == .gmt)
        #expect(format.json.text.contains("\"units\":\(format.unitsPerCurrency)"))
    }
}
