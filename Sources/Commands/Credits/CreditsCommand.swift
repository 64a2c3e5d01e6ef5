import ArgumentParser
import Domain
import Foundation
import Ledger

struct CreditsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credits", abstract: "Credits of accounts.",
        subcommands: [CreditsGrant.self, CreditsBalance.self, CreditsHistory.self])
}

/// Whose credits, and whether the real ones.
struct WalletOptions: ParsableArguments {
    @Option(help: "The account.") var account: String
    @Flag(help: "The test credits instead of the live ones.") var test = false

    var mode: AccountMode { test ? .test : .live }
}

struct CreditsGrant: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "grant", abstract: "Gives credits to an account.")

    @OptionGroup var wallet: WalletOptions
    @Option(parsing: .unconditional, help: "Credits, with up to 6 decimals.") var amount: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let credits = try Credits(decimal: amount)
        guard credits > .zero else { throw CommandError("--amount must be more than 0 credits") }
        let (account, mode, reason) = (wallet.account, wallet.mode, change.reason)
        let result = try await change.run(
            "credits grant", target: account, arguments: [credits.description, mode.rawValue], in: office
        ) { transaction in
            let book = CreditBook()
            guard
                let entry = try await book.grant(
                    credits, account: account, mode: mode, reason: reason, actor: NSUserName(), in: transaction),
                let balance = try await book.balance(account: account, mode: mode, in: transaction)
            else { throw unknownAccount(account) }
            return .object([
                ("account", .string(account)), ("granted", .string(credits.description)), ("entry", .int(entry)),
                ("available", .string(balance.available.description)),
            ])
        }
        change.print(result, "Granted \(credits) \(mode == .test ? "test " : "")credits to \(account).")
    }
}

struct CreditsBalance: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "balance", abstract: "Shows what an account has.")

    @OptionGroup var wallet: WalletOptions
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        guard let balance = try await CreditBook().balance(account: wallet.account, mode: wallet.mode, in: office.pool)
        else { throw unknownAccount(wallet.account) }
        let members = [
            ("available", balance.available), ("reserved", balance.reserved), ("granted", balance.granted),
            ("settled", balance.settled), ("expired", balance.expired),
        ]
        if output.json {
            let amounts = members.map { ($0.0, JSON.string($0.1.description)) }
            return Output.write(
                JSON.object(
                    [("account", .string(wallet.account)), ("mode", .string(wallet.mode.rawValue))] + amounts).text)
        }
        var table = Table(
            ("ACCOUNT", .left), ("MODE", .left), ("AVAILABLE", .right), ("RESERVED", .right), ("GRANTED", .right),
            ("SETTLED", .right), ("EXPIRED", .right))
        let cells = members.map(\.1.description)
        table.add(wallet.account, wallet.mode.rawValue, cells[0], cells[1], cells[2], cells[3], cells[4])
        Output.write(table.text)
    }
}

struct CreditsHistory: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Shows an account's ledger entries, the newest first, at most 1000.")

    @OptionGroup var wallet: WalletOptions
    @Option(parsing: .unconditional, help: "Only entries before this one, for the next page.") var before: Int64?
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let book = CreditBook()
        guard try await book.balance(account: wallet.account, mode: wallet.mode, in: office.pool) != nil else {
            throw unknownAccount(wallet.account)
        }
        let ids = try TaskNames(office)
        let lines = try await book.history(
            account: wallet.account, mode: wallet.mode, before: before, in: office.pool)
        if output.json { return Output.write(JSON.array(lines.map { json($0, ids) }).text) }
        var table = Table(
            ("ENTRY", .right), ("AT", .left), ("KIND", .left), ("FROM", .left), ("TO", .left), ("CREDITS", .right),
            ("TASK", .left), ("REASON", .left), ("BY", .left))
        for line in lines {
            table.add(
                String(line.id), Output.time(line.at), line.kind, line.debit, line.credit, line.amount.description,
                ids.text(line.taskID, line.taskCreatedAt) ?? "-", line.reason ?? "-", line.actor ?? "-")
        }
        Output.write(table.text)
    }

    private func json(_ line: EntryLine, _ ids: TaskNames) -> JSON {
        .object([
            ("id", .int(line.id)), ("at", .string(Output.timeText(line.at))), ("kind", .string(line.kind)),
            ("debit", .string(line.debit)), ("credit", .string(line.credit)),
            ("amount", .string(line.amount.description)),
            ("task", .optional(ids.text(line.taskID, line.taskCreatedAt))), ("reason", .optional(line.reason)),
            ("actor", .optional(line.actor)),
        ])
    }
}
