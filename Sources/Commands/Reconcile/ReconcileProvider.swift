import API
import ArgumentParser
import Domain
import Foundation
import Ledger
import Postgres

struct ReconcileProvider: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "provider",
        abstract: "Compares a provider's invoice with what was done there; exit code 1 when something is off.",
        discussion: """
            The invoice is a CSV file whose first line names its columns. No provider documents the format of its invoices, \
            so what --kind stands for is our best guess from the words of their APIs. Look at your file first, and say \
            with --map, --units, --currency, --time-zone, --rounding and --billed-status where it differs. Without \
            --kind the columns are found by usual names, such as task_id, cost and created_at, amounts are decimals, \
            times are in UTC and every line is billed.

            Found are: lines whose id is unknown here, jobs that no line bills, other prices than expected, ids that \
            were on an earlier line, other currencies, and lines of another time. The result is kept: see `zadmin \
            reconcile show`. The same file again for the same provider and period replaces its result. A job that \
            crosses the border of the period may be on either invoice: its line is known, and it is not missed.
            """)

    @Argument(help: "The provider, as jobs name it.") var name: String
    @Option(help: "The invoice, a CSV file in UTF-8.") var invoice: String
    @Option(help: "The first day of the period, such as 2026-11-01, or a moment with its zone.") var from: String
    @Option(help: "The first day after it, such as 2026-12-01.") var to: String
    @OptionGroup var options: InvoiceOptions
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let format = try options.format()
        let period = try InvoicePeriod(from: from, to: to, in: format.timeZone)
        let file = try InvoiceFile(path: invoice)
        let plan = InvoicePlan(provider: name, from: period.from, to: period.to, file: file.name)
        let result: InvoiceResult?
        do {
            result = try await office.pool.transaction { transaction in
                let feed = InvoiceFeed(format, nextPiece: try file.pieces())
                let run = try await InvoiceBook().reconcile(plan, feed, in: transaction)
                return try await InvoiceBook().result(run, in: transaction)
            }
        } catch let error as InvoiceError { throw CommandError("\(invoice): \(error)") } catch let error as CSVError {
            throw CommandError("\(invoice): \(error)")
        }
        guard let result else { throw CommandError("the result was not kept: try again") }
        try InvoiceReport(result, Dialects(office)).write(output)
    }
}

struct ReconcileShow: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows a kept result again; exit code 1 when something was off.")

    @Argument(help: "Its number; the one that was compared last when absent.") var run: Int64?
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        guard
            let result = try await office.pool.transaction(.readOnlySnapshot, { try await InvoiceBook().result(run, in: $0) })
        else {
            throw CommandError(
                run.map { "there is no result \($0): see `zadmin reconcile list`" }
                    ?? "no invoice was compared yet: see `zadmin reconcile provider --help`")
        }
        try InvoiceReport(result, Dialects(office)).write(output)
    }
}

struct ReconcileList: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the kept results, the newest first, at most 200.")

    @Option(help: "Only of this provider.") var provider: String?
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let runs = try await InvoiceBook().runs(provider: provider, in: office.pool)
        if output.json {
            return Output.write(JSON.array(runs.map { run, off in .object(run.members + [("off", .int(off))]) }).text)
        }
        var table = Table(
            ("RUN", .right), ("PROVIDER", .left), ("FROM", .left), ("TO", .left), ("LINES", .right), ("OFF", .right),
            ("COMPARED", .left), ("FILE", .left))
        for (run, off) in runs {
            table.add(
                String(run.id), run.provider, Output.time(run.from), Output.time(run.to), String(run.lines), String(off),
                Output.time(run.comparedAt), run.file)
        }
        Output.write(table.text)
    }
}
