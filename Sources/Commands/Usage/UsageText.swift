import Domain
import Foundation
import Reports

/// A usage report as text: a table or a chart for people, CSV or JSON for programs.
struct UsageText {
    private let query: UsageQuery
    private let lines: [UsageLine]
    private let total: UsageLine
    private let value: CreditValue
    /// The currencies of costs that the margin leaves out.
    private let others: [String]

    init(query: UsageQuery, lines: [UsageLine], value: CreditValue) {
        self.query = query
        self.lines = lines
        self.value = value
        total = .total(lines)
        others = total.costs.map(\.currency).filter { $0 != value.currency }
    }

    /// With a column for each currency of costs, and one more where some of them are only possible.
    var table: String {
        let titles = ["SUBMITTED", "COMPLETED", "FAILED", "CANCELLED", "RESERVED", "SETTLED", "REFUNDED"]
        let costs = [value.currency] + others
        let possible = total.possibleCosts.map(\.currency)
        let money = costs.map { "COST \($0)" } + possible.map { "POSSIBLE \($0)" } + ["MARGIN \(value.currency)"]
        var table = Table(
            columns: [(query.by.rawValue.uppercased(), .left)] + (titles + money).map { ($0, .right) })
        for line in lines + [total] {
            let amounts = costs.map { amount($0, in: line.costs) } + possible.map { amount($0, in: line.possibleCosts) }
            table.add(row: [line.label] + line.cells + amounts + [margin(line)])
        }
        let credit = "margin: settled credits at \(Credits(micro: value.micro)) \(value.currency) each, less the cost in \(value.currency)"
        let warning = "; costs in \(others.joined(separator: " and ")) are not subtracted"
        let doubt = "\npossible: part of the cost, for submits that were never answered; `zadmin reconcile provider` tells what was billed"
        return table.text + "\n" + credit + (others.isEmpty ? "" : warning) + (possible.isEmpty ? "" : doubt)
    }

    var csv: String {
        let titles = [
            query.by.rawValue, "submitted", "completed", "failed", "cancelled", "credits_reserved", "credits_settled",
            "credits_refunded", "currency", "cost", "margin", "other_costs", "possible_cost",
        ]
        let rows = lines.map { line in
            [line.label] + line.cells + [value.currency, amount(value.currency, in: line.costs), margin(line)]
                + [line.costs.filter { $0.currency != value.currency }.map(\.text).joined(separator: "; ")]
                + [line.possibleCosts.map(\.text).joined(separator: "; ")]
        }
        return ([titles] + rows).map { CSVLine($0).text }.joined(separator: "\n")
    }

    var json: JSON {
        .object([
            ("group", .optional(query.group)), ("by", .string(query.by.rawValue)), ("mode", .string(query.mode.rawValue)),
            ("currency", .string(value.currency)), ("credit_value", .string(Credits(micro: value.micro).description)),
            ("costs_not_subtracted", .array(others.map { .string($0) })),
            ("rows", .array(lines.map { json($0, label: [(query.by.rawValue, .string($0.label))]) })),
            ("total", json(total, label: [])),
        ])
    }

    private func json(_ line: UsageLine, label: [(String, JSON)]) -> JSON {
        let costs = line.costs.map { cost in
            JSON.object([
                ("currency", .string(cost.currency)), ("amount", .string(cost.amount)),
                ("possible", .string(amount(cost.currency, in: line.possibleCosts))),
            ])
        }
        return .object(
            label + [
                ("submitted", .int(line.submitted)), ("completed", .int(line.completed)), ("failed", .int(line.failed)),
                ("cancelled", .int(line.cancelled)), ("credits_reserved", .string(line.reserved.description)),
                ("credits_settled", .string(line.settled.description)),
                ("credits_refunded", .string(line.refunded.description)), ("costs", .array(costs)),
                ("margin", .string(margin(line))),
            ])
    }

    private func amount(_ currency: String, in costs: [ProviderCost]) -> String {
        costs.first { $0.currency == currency }?.amount ?? "0"
    }

    private func margin(_ line: UsageLine) -> String { value.margin(settled: line.settled, costs: line.costs) }

    /// A bar for each day or hour from the first to the last, also for those without usage.
    func chart() throws -> String {
        guard let first = lines.first.map({ moment($0.label) }), let last = lines.last.map({ moment($0.label) }) else {
            return "no usage to draw"
        }
        let seconds = query.by == .day ? 86_400.0 : 3600
        let count = Int(last.timeIntervalSince(first) / seconds) + 1
        guard count <= BarChart.barsMax else {
            throw CommandError("a chart has at most \(BarChart.barsMax) bars, not \(count): narrow it with --from and --to")
        }
        let settled = Dictionary(lines.map { ($0.label, $0.settled) }) { first, _ in first }
        let bars = (0..<count).map { number in
            let label = label(first.addingTimeInterval(Double(number) * seconds))
            let credits = settled[label] ?? .zero
            return BarChart.Bar(label: label, value: credits.micro, text: credits.description)
        }
        return "SETTLED CREDITS BY \(query.by.rawValue.uppercased())\n\(BarChart.text(bars))"
    }

    /// The moment of a row's label, `2026-12-31` or `2026-12-31 15:00`.
    private func moment(_ label: String) -> Date {
        let text = label.count == 10 ? label : label.replacing(" ", with: "T") + ":00Z"
        return (try? parseDate(text)) ?? .distantPast
    }

    private func label(_ date: Date) -> String {
        let text = Output.timeText(date)
        return query.by == .day ? String(text.prefix(10)) : String(text.prefix(16)).replacing("T", with: " ")
    }
}

extension UsageLine {
    fileprivate var cells: [String] {
        [submitted, completed, failed, cancelled].map { String($0) } + [reserved, settled, refunded].map(\.description)
    }
}

extension ProviderCost {
    fileprivate var text: String { "\(amount) \(currency)" }
}
