import ArgumentParser
import Domain
import Reports

struct Usage: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage", abstract: "What was used: tasks by outcome, credits reserved, settled and refunded.")

    @Option(help: "Only of this user group.") var group: String?
    @Option(help: "Only of this account.") var account: String?
    @Option(parsing: .unconditional, help: "Only of this key, by number.") var key: Int64?
    @Option(help: "Only of this model.") var model: String?
    @Option(help: "From this date on, such as 2026-12-01 (UTC).") var from: String?
    @Option(help: "Before this date (UTC).") var to: String?
    @Option(help: "One row per day, hour, account, key, model or provider.") var by = "day"
    @Flag(help: "Usage of test keys instead.") var test = false
    @Flag(help: "Answer as CSV.") var csv = false
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        guard let dimension = UsageQuery.Dimension(rawValue: by) else {
            let words = UsageQuery.Dimension.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandError("--by is one of \(words), not '\(by)'")
        }
        var query = UsageQuery()
        query.group = group
        query.account = account
        query.keyID = key
        query.model = model
        query.from = try from.map(parseDate)
        query.to = try to.map(parseDate)
        query.mode = test ? .test : .live
        query.by = dimension
        let lines = try await ReportBook().usage(query, in: office.pool)
        let total = UsageLine.total(lines)
        if output.json { return Output.write(json(lines, total).text) }
        if csv { return Output.write(csvText(lines)) }
        var table = Table(
            (by.uppercased(), .left), ("SUBMITTED", .right), ("COMPLETED", .right), ("FAILED", .right),
            ("CANCELLED", .right), ("RESERVED", .right), ("SETTLED", .right), ("REFUNDED", .right))
        for line in lines + [total] {
            let cells = line.cells
            table.add(line.label, cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6])
        }
        Output.write(table.text)
    }

    private func json(_ lines: [UsageLine], _ total: UsageLine) -> JSON {
        .object([
            ("group", .optional(group)), ("by", .string(by)), ("mode", .string(test ? "test" : "live")),
            ("rows", .array(lines.map { $0.json(by) })), ("total", total.json(nil)),
        ])
    }

    private func csvText(_ lines: [UsageLine]) -> String {
        let head = "\(by),submitted,completed,failed,cancelled,credits_reserved,credits_settled,credits_refunded"
        let rows = lines.map { line in
            // Names are checked when they are made: none holds a comma or a quote.
            ([line.label] + line.cells).joined(separator: ",")
        }
        return ([head] + rows).joined(separator: "\n")
    }
}

extension UsageLine {
    fileprivate var cells: [String] {
        [submitted, completed, failed, cancelled].map { String($0) } + [reserved, settled, refunded].map(\.description)
    }

    fileprivate func json(_ dimension: String?) -> JSON {
        .object(
            (dimension.map { [($0, JSON.string(label))] } ?? []) + [
                ("submitted", .int(submitted)), ("completed", .int(completed)), ("failed", .int(failed)),
                ("cancelled", .int(cancelled)), ("credits_reserved", .string(reserved.description)),
                ("credits_settled", .string(settled.description)), ("credits_refunded", .string(refunded.description)),
            ])
    }
}
