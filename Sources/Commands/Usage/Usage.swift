import ArgumentParser
import Domain
import Reports

struct Usage: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "What was used: tasks by outcome, credits reserved, settled and refunded, provider costs and margin.",
        discussion: """
            The figures hold everything that is committed at this moment. The margin is the value of the settled credits \
            (ZIMAGE_CREDIT_VALUE) less the expected costs in ZIMAGE_CURRENCY; costs in other currencies are shown, but \
            not subtracted. Costs are those of all submits, also for tasks that were refunded, in the hour in which the \
            submit left. What was never answered is in them as well, and told apart as possible.
            """)

    @Option(help: "Only of this user group.") var group: String?
    @Option(help: "Only of this account.") var account: String?
    @Option(parsing: .unconditional, help: "Only of this key, by number.") var key: Int64?
    @Option(help: "Only of this model.") var model: String?
    @Option(help: "From this date or full hour on, such as 2026-12-01 or 2026-12-01T15:00:00Z (UTC).") var from: String?
    @Option(help: "Before this date or full hour (UTC).") var to: String?
    @Option(help: "One row per day, hour, group, account, key, model or provider.") var by = "day"
    @Flag(help: "Usage of test keys instead.") var test = false
    @Flag(help: "Answer as CSV.") var csv = false
    @Flag(help: "Draw the settled credits by day or hour below the table.") var chart = false
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let query = try query()
        let lines = try await ReportBook().usage(query, in: office.pool)
        let report = UsageText(query: query, lines: lines, value: office.settings.creditValue)
        if output.json { return Output.write(report.json.text) }
        if csv { return Output.write(report.csv) }
        let bars = chart ? try report.chart() : nil
        Output.write(report.table)
        if let bars { Output.write("\n\(bars)") }
    }

    private func query() throws -> UsageQuery {
        guard let dimension = UsageQuery.Dimension(rawValue: by) else {
            let words = UsageQuery.Dimension.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandError("--by is one of \(words), not '\(by)'")
        }
        guard [output.json, csv, chart].filter({ $0 }).count <= 1 else {
            throw CommandError("--json, --csv and --chart exclude each other: give one of them")
        }
        guard !chart || dimension == .day || dimension == .hour else {
            throw CommandError("--chart draws days or hours: give --by day or --by hour with it")
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
        return query
    }
}
