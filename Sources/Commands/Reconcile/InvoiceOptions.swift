import ArgumentParser
import Foundation
import Ledger

/// How an invoice is read, in the words of the command line.
struct InvoiceOptions: ParsableArguments {
    @Option(help: "How such invoices are read by default: novita, highway, unified, zimageturbo or openai-images.")
    var kind: String?
    @Option(help: "Columns that differ: id=task_id,amount=cost,currency=,time=made,status=state. No name: no such column.")
    var map: [String] = []
    @Option(help: "What the lines must be in, such as USD; without a column for it, what they are in.")
    var currency: String?
    @Option(help: "The zone of times without one, and of the period's dates, such as Asia/Shanghai. Otherwise UTC.")
    var timeZone: String?
    @Option(
        parsing: .unconditional,
        help: "Decimals to which the provider rounds a line, half up, from 0 to 6. A line may differ that far.")
    var rounding: Int?
    @Option(
        parsing: .unconditional,
        help: "Units of the amounts to one of the currency: 1 for decimals, 10000 for ten-thousandths.")
    var units: Int?
    @Option(help: "The words of the status column that are billed, with commas between. Others are left out if they cost 0.")
    var billedStatus: String?

    func format() throws -> InvoiceFormat {
        var format = try preset()
        for text in map { try format.map(text) }
        if let currency { format.currency = currency }
        if let rounding { format.roundingDecimals = rounding }
        if let units { format.unitsPerCurrency = units }
        if let billedStatus { format.billedStatuses = billedStatus.split(separator: ",").map(String.init) }
        if let timeZone {
            guard let zone = TimeZone(identifier: timeZone) else {
                throw CommandError("'\(timeZone)' is not a time zone: write one such as UTC or Asia/Shanghai")
            }
            format.timeZone = zone
        }
        return try format.checked()
    }

    private func preset() throws -> InvoiceFormat {
        guard let kind else { return .plain }
        guard let known = InvoiceKind(rawValue: kind) else {
            let words = InvoiceKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandError("--kind is one of \(words), not '\(kind)'")
        }
        return known.format
    }
}

/// A period in the zone of an invoice: `2026-11-01` is midnight there.
struct InvoicePeriod {
    let from: Date
    let to: Date

    init(from: String, to: String, in zone: TimeZone) throws {
        self.from = try Self.moment(from, zone)
        self.to = try Self.moment(to, zone)
        guard self.from < self.to else {
            throw CommandError("--from \(from) is not before --to \(to): November is --from 2026-11-01 --to 2026-12-01")
        }
    }

    private static func moment(_ text: String, _ zone: TimeZone) throws -> Date {
        let date = try parseDate(text)
        // A moment with a time names its zone itself.
        guard !text.contains("T") else { return date }
        let guess = date - TimeInterval(zone.secondsFromGMT(for: date))
        return date - TimeInterval(zone.secondsFromGMT(for: guess))
    }
}
