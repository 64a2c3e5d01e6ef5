import API
import ArgumentParser
import Domain
import Foundation
import Ledger

/// A compared invoice, for people and for programs.
struct InvoiceReport {
    /// Findings of each kind that people see; programs get all that are kept.
    private static let shownMax = 20

    private let result: InvoiceResult
    private let names: Dialects

    init(_ result: InvoiceResult, _ names: Dialects) {
        self.result = result
        self.names = names
    }

    /// Writes it, and ends the program with 1 when something is off.
    func write(_ output: OutputOptions) throws {
        Output.write(output.json ? json.text : text)
        if !result.isClean { throw ExitCode(1) }
    }

    // MARK: for people

    private var text: String {
        let run = result.run
        var parts = [
            "Run \(run.id): \(run.file) of \(run.provider), \(Output.time(run.from)) to \(Output.time(run.to)), "
                + "\(run.lines) lines" + (run.skipped > 0 ? " and \(run.skipped) that bill nothing" : "")
        ]
        if run.timesCompared > 1 {
            parts.append(
                "This file was compared before for this provider and period, first on \(Output.time(run.firstComparedAt)): "
                    + "this is the result of comparison \(run.timesCompared), on \(Output.time(run.comparedAt)).")
        }
        parts += [totals, kinds]
        if result.findings.isEmpty { return (parts + ["The invoice agrees with what was done."]).joined(separator: "\n\n") }
        parts += [findings, "\(InvoiceFindingKind.allCases.reduce(0) { $0 + result.count($1) }) things are off."]
        return parts.joined(separator: "\n\n")
    }

    private var totals: String {
        var table = Table(
            ("CURRENCY", .left), ("INVOICE", .right), ("EXPECTED", .right), ("DIFFERENCE", .right), ("OF IT ROUNDING", .right))
        for total in result.totals {
            table.add(
                total.currency, decimal(total.billed), decimal(total.expected), decimal(total.difference),
                decimal(total.rounding))
        }
        return table.text
    }

    private var kinds: String {
        var table = Table(("FOUND", .right), ("WHAT", .left), ("BILLED", .right), ("EXPECTED", .right))
        table.add(
            String(result.count(nil)), "agree", money(nil, \.billed, \.currency), money(nil, \.expected, \.expectedCurrency))
        for kind in InvoiceFindingKind.allCases where result.count(kind) > 0 {
            table.add(
                String(result.count(kind)), kind.meaning, money(kind, \.billed, \.currency),
                money(kind, \.expected, \.expectedCurrency))
        }
        return table.text
    }

    /// The sums of a kind in each currency.
    private func money(
        _ kind: InvoiceFindingKind?, _ amount: (InvoiceSum) -> Int64, _ currency: (InvoiceSum) -> String
    ) -> String {
        let sums = result.sums.filter { $0.kind == kind }
        return Set(sums.map(currency)).sorted().map { name in
            "\(decimal(sums.reduce(0) { $0 + (currency($1) == name ? amount($1) : 0) })) \(name)"
        }.joined(separator: ", ")
    }

    private var findings: String {
        var table = Table(
            ("WHAT", .left), ("LINE", .right), ("PROVIDER'S TASK", .left), ("BILLED", .right), ("EXPECTED", .right),
            ("TIME", .left), ("OUR TASK", .left))
        var notes: [String] = []
        for kind in InvoiceFindingKind.allCases {
            let all = result.findings.filter { $0.kind == kind }
            for finding in all.prefix(Self.shownMax) {
                table.add(
                    kind.meaning, finding.line.map(String.init) ?? "-", oneLine(finding.providerTaskID),
                    finding.line == nil ? "-" : "\(decimal(finding.billed)) \(finding.currency)",
                    finding.isExpected ? "\(decimal(finding.expected)) \(finding.expectedCurrency)" : "-",
                    Output.time(finding.billedAt ?? finding.endedAt), ours(finding) ?? "-")
            }
            let hidden = result.count(kind) - Int64(min(all.count, Self.shownMax))
            if hidden > 0 {
                notes.append(
                    "\(hidden) more \(kind.meaning): `zadmin reconcile show \(result.run.id) --json` lists up to 1000 a kind.")
            }
        }
        return ([table.text] + notes).joined(separator: "\n")
    }

    // MARK: for programs

    private var json: JSON {
        .object(
            result.run.members + [
                ("clean", .bool(result.isClean)),
                ("totals", .array(result.totals.map(\.json))),
                ("agreed", .int(result.count(nil))),
                ("counts", .object(InvoiceFindingKind.allCases.map { ($0.rawValue, .int(result.count($0))) })),
                ("findings", .array(result.findings.map(json))),
            ])
    }

    private func json(_ finding: InvoiceFinding) -> JSON {
        .object([
            ("kind", .string(finding.kind.rawValue)), ("line", finding.line.map(JSON.int) ?? .null),
            ("provider_task", .optional(finding.providerTaskID)),
            ("billed", finding.line == nil ? .null : .string(decimal(finding.billed))),
            ("currency", finding.line == nil ? .null : .string(finding.currency)),
            ("billed_at", .optional(finding.billedAt.map(Output.timeText))),
            ("expected", finding.isExpected ? .string(decimal(finding.expected)) : .null),
            ("expected_currency", finding.isExpected ? .string(finding.expectedCurrency) : .null),
            ("task", .optional(ours(finding))), ("ended_at", .optional(finding.endedAt.map(Output.timeText))),
        ])
    }

    private func ours(_ finding: InvoiceFinding) -> String? {
        names.idText(finding.taskID.map(TaskID.init), finding.taskCreatedAt)
    }

    /// An id from outside, harmless in a terminal.
    private func oneLine(_ text: String?) -> String {
        guard let text else { return "-" }
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{fffd}" : $0 }))
    }
}

/// Millionths of a currency are written like micro-credits: as the shortest exact decimal.
private func decimal(_ micro: Int64) -> String { Credits(micro: micro).description }

extension InvoiceFinding {
    /// Whether something was expected, be it nothing to pay.
    fileprivate var isExpected: Bool {
        kind == .notBilled || kind == .priceDrift || (kind == .otherCurrency && endedAt != nil)
    }
}

extension InvoiceTotal {
    fileprivate var json: JSON {
        .object([
            ("currency", .string(currency)), ("invoice", .string(decimal(billed))), ("expected", .string(decimal(expected))),
            ("difference", .string(decimal(difference))), ("rounding", .string(decimal(rounding))),
        ])
    }
}

extension InvoiceRun {
    /// What is known of the run itself.
    var members: [(String, JSON)] {
        [
            ("run", .int(id)), ("provider", .string(provider)), ("from", .string(Output.timeText(from))),
            ("to", .string(Output.timeText(to))), ("file", .string(file)), ("sha256", .string(digest)),
            ("format", .raw(formatText)), ("lines", .int(lines)), ("skipped", .int(skipped)),
            ("seen_before", .bool(timesCompared > 1)), ("times_compared", .int(Int64(timesCompared))),
            ("first_compared_at", .string(Output.timeText(firstComparedAt))),
            ("compared_at", .string(Output.timeText(comparedAt))),
        ]
    }
}
