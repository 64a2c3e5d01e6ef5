import Foundation
import TestSupport

@testable import Ledger

/// Jobs and an invoice made by chance, and what a comparison should find, worked out with dictionaries and one line at a
/// time.
struct InvoiceModel {
    private struct Line {
        var id: String
        var micro: Int64
        var currency: String
        var second: Int
    }

    private(set) var done: [InvoiceScene.Done] = []
    private var lines: [Line] = []
    private var random: SeededGenerator
    let format: InvoiceFormat

    init(seed: UInt64) {
        random = SeededGenerator(state: seed)
        var format = InvoiceFormat.plain
        format.roundingDecimals = Int.random(in: 3...6, using: &random)
        self.format = format
    }

    mutating func fill() {
        for number in 0..<120 {
            // From two days before the period to two days after it.
            let second = Int.random(in: -172_800..<2_592_000 + 172_800, using: &random)
            var job = InvoiceScene.Done(
                id: "job \(number)", cost: chance(15) ? nil : Int64.random(in: 0...9_000, using: &random),
                currency: chance(10) ? "EUR" : "USD")
            (job.started, job.ended) = (Self.sql(second - Int.random(in: 0...20, using: &random)), Self.sql(second))
            done.append(job)
            if chance(85) { bill(job, second) }
            if chance(5) { bill(job, second) }
        }
        for number in 0..<6 {
            lines.append(Line(id: "unknown \(number)", micro: Int64(number), currency: "USD", second: 5_000))
        }
        lines.shuffle(using: &random)
    }

    private mutating func bill(_ job: InvoiceScene.Done, _ second: Int) {
        let cost = job.cost ?? 0
        let amount =
            switch Int.random(in: 0..<10, using: &random) {
            case 0: cost + Int64.random(in: -3...3, using: &random)
            case 1..<5: rounded(cost)
            default: cost
            }
        lines.append(
            Line(id: job.id ?? "", micro: max(0, amount), currency: chance(5) ? "CNY" : job.currency, second: second))
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private func rounded(_ micro: Int64) -> Int64 {
        let unit = (0..<(6 - format.roundingDecimals)).reduce(1) { unit, _ in unit * 10 }
        let rest = micro % Int64(unit)
        return micro - rest + (2 * rest >= Int64(unit) ? Int64(unit) : 0)
    }

    /// The invoice.
    var text: String {
        let rows = lines.map { line in
            let digits = String(line.micro)
            let padded = String(repeating: "0", count: max(0, 7 - digits.count)) + digits
            return "\(line.id),\(padded.dropLast(6)).\(padded.suffix(6)),\(line.currency),\(Self.start + line.second)"
        }
        return (["id,amount,currency,time"] + rows).joined(separator: "\n") + "\n"
    }

    /// What should be found: kind, line and id.
    var expected: Set<String> {
        var found: Set<String> = []
        let known = Dictionary(
            uniqueKeysWithValues: done.compactMap { job in
                let ended = Self.second(job.ended)
                return (-86_400..<2_592_000 + 86_400).contains(ended) ? (job.id ?? "", job) : nil
            })
        var seen: Set<String> = []
        for (index, line) in lines.enumerated() {
            if let kind = judge(line, seen.insert(line.id).inserted, known[line.id]) {
                found.insert("\(kind.rawValue) \(index + 2) \(line.id)")
            }
        }
        for (id, job) in known where !seen.contains(id) && (job.cost ?? 0) > 0 {
            let isInside = Self.second(job.started) >= 0 && Self.second(job.ended) < 2_592_000
            if isInside { found.insert("not_billed 0 \(id)") }
        }
        return found
    }

    private func judge(_ line: Line, _ isFirst: Bool, _ job: InvoiceScene.Done?) -> InvoiceFindingKind? {
        if !isFirst { return .duplicate }
        if line.second < 0 || line.second >= 2_592_000 { return .otherPeriod }
        guard let job else { return line.micro == 0 ? nil : .billedUnknown }
        guard let cost = job.cost else { return line.micro == 0 ? nil : .priceDrift }
        if line.currency != job.currency { return .otherCurrency }
        return line.micro == cost || line.micro == rounded(cost) ? nil : .priceDrift
    }

    private static let start = 1_793_491_200

    private static func sql(_ second: Int) -> String {
        Date(timeIntervalSince1970: TimeInterval(start + second)).formatted(.iso8601)
    }

    private static func second(_ text: String) -> Int {
        (try? Date(text, strategy: .iso8601)).map { Int($0.timeIntervalSince1970) - start } ?? .min
    }
}
