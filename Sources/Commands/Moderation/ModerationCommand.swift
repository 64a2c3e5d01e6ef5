import ArgumentParser
import Domain
import Keys
import Ledger
import Moderation

struct ModerationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "moderation", abstract: "What prompts may not say, and who tried.",
        subcommands: [WordCommand.self, ModerationReport.self])
}

struct ModerationReport: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Shows which keys were refused, by day (UTC) and category.")

    @Option(parsing: .unconditional, help: "How many days, today included.") var days = 7
    @Option(help: "Only of this account.") var account: String?
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        guard (1...366).contains(days) else { throw CommandError("--days must be 1 to 366, not \(days)") }
        if let account { try await requireAccount(account, in: office) }
        let rows = try await Refusals.report(days: days, account: account, in: office.pool)
        if output.json {
            let list = rows.map { row in
                JSON.object([
                    ("key", .int(row.keyID)), ("account", .string(row.account)), ("name", .string(row.keyName)),
                    ("day", .string(row.day)), ("category", .string(row.category)), ("refused", .int(row.count)),
                ])
            }
            return Output.write(JSON.array(list).text)
        }
        var table = Table(
            ("DAY", .left), ("KEY", .right), ("ACCOUNT", .left), ("NAME", .left), ("CATEGORY", .left), ("REFUSED", .right))
        for row in rows {
            table.add(row.day, String(row.keyID), row.account, row.keyName, row.category, String(row.count))
        }
        Output.write(table.text)
    }
}
