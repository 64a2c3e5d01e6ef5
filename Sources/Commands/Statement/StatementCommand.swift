import ArgumentParser
import Domain
import Foundation
import Ledger
import Postgres

struct StatementCommand: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "statement",
        abstract: "An account's month: opening balance, what came and went, what jobs cost, closing balance.",
        discussion: """
            Months begin and end at midnight UTC. Everything is added up from the account's ledger entries and checked \
            against its balance. The page of --html has no outside parts and prints on A4.
            """)

    @OptionGroup var wallet: WalletOptions
    @Option(help: "The month, such as 2026-11.") var month: String
    @Flag(help: "Answer as CSV: opening, movements and closing; the movements add up to the difference.") var csv = false
    @Flag(help: "Answer as a page to print.") var html = false
    @Option(help: "Write to this file instead; one that is there is replaced.") var output: String?
    @OptionGroup var answer: OutputOptions

    func run(in office: Office) async throws {
        guard let month = StatementMonth(month) else {
            throw CommandError("'\(self.month)' is not a month: write one such as 2026-11")
        }
        guard [csv, html, answer.json].count(where: \.self) <= 1 else {
            throw CommandError("choose one of --csv, --html and --json")
        }
        let (account, mode) = (wallet.account, wallet.mode)
        let statement = try await office.pool.transaction(.readOnlySnapshot) { transaction in
            try await StatementBook().statement(account: account, mode: mode, month: month, in: transaction)
        }
        guard let statement else { throw unknownAccount(account) }
        guard month.from <= statement.madeAt else {
            throw CommandError("\(month.title) has not begun: the newest month is \(Output.time(statement.madeAt).prefix(7))")
        }
        try write(try text(of: statement))
    }

    private func text(of statement: MonthlyStatement) throws -> String {
        if html { return try StatementPage().render(statement) }
        if csv { return statement.csv }
        return answer.json ? statement.json.text : statement.text
    }

    private func write(_ text: String) throws {
        guard let output else { return Output.write(text) }
        do { try Data((text + "\n").utf8).write(to: URL(fileURLWithPath: output), options: .atomic) } catch {
            throw CommandError("'\(output)' cannot be written: name a file in a folder that you may write to")
        }
    }
}
