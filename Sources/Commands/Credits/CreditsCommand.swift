import API
import ArgumentParser
import Domain
import Foundation
import Ledger
import Postgres

struct CreditsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credits", abstract: "Credits of accounts.",
        subcommands: [
            CreditsGrant.self, CreditsAdjust.self, CreditsBalance.self, CreditsHistory.self, CodeCommand.self,
        ])
}

/// Whose credits, and whether the real ones.
struct WalletOptions: ParsableArguments {
    @Option(help: "The account.") var account: String
    @Flag(help: "The test credits instead of the live ones.") var test = false

    var mode: AccountMode { test ? .test : .live }

    /// The wallet's number.
    func id(in office: Office) async throws -> Int64 {
        guard let id = try await CreditBook().wallet(of: account, mode: mode, in: office.pool) else {
            throw unknownAccount(account)
        }
        return id
    }
}

struct CreditsGrant: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "grant", abstract: "Gives credits to an account.")

    @OptionGroup var wallet: WalletOptions
    @Option(parsing: .unconditional, help: "Credits, with up to 6 decimals.") var amount: String
    @Option(help: "The date on which what is left expires, such as 2026-12-31; never when absent.") var expires: String?
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let credits = try Credits(decimal: amount)
        guard credits > .zero else { throw CommandError("--amount must be more than 0 credits") }
        let date = try expires.map(parseDate)
        if let date, date <= Date() { throw CommandError("--expires lies in the past") }
        let (account, mode, reason) = (wallet.account, wallet.mode, change.reason)
        let arguments = [credits.description, mode.rawValue] + (expires.map { [$0] } ?? [])
        let result = try await change.run("credits grant", target: account, arguments: arguments, in: office) {
            let book = CreditBook()
            guard
                let entry = try await book.grant(
                    credits, account: account, mode: mode, expires: date, reason: reason, actor: NSUserName(), in: $0),
                let balance = try await book.balance(account: account, mode: mode, in: $0)
            else { throw unknownAccount(account) }
            return .object([
                ("account", .string(account)), ("granted", .string(credits.description)),
                ("expires_at", .optional(date.map(Output.timeText))), ("entry", .int(entry)),
                ("available", .string(balance.available.description)),
            ])
        }
        let until = date.map { " until \(Output.time($0))" } ?? ""
        change.print(result, "Granted \(credits) \(mode == .test ? "test " : "")credits to \(account)\(until).")
    }
}

struct CreditsAdjust: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "adjust", abstract: "Corrects an account's credits up or down, with a reason.")

    @OptionGroup var wallet: WalletOptions
    @Option(parsing: .unconditional, help: "Credits with a sign: +1.5 gives, -1.5 takes.") var amount: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        guard let sign = amount.first, sign == "+" || sign == "-" else {
            throw CommandError("--amount needs a sign: +1.5 gives credits, -1.5 takes them")
        }
        let size = try Credits(decimal: String(amount.dropFirst()))
        guard size > .zero else { throw CommandError("--amount must not be 0") }
        guard change.reason != ChangeOptions.noReason else {
            throw CommandError("an adjustment needs a --reason: it stands in the ledger for ever")
        }
        let credits = Credits(micro: sign == "-" ? -size.micro : size.micro)
        let (account, mode, reason) = (wallet.account, wallet.mode, change.reason)
        do {
            let result = try await change.run(
                "credits adjust", target: account, arguments: [credits.description, mode.rawValue], in: office
            ) {
                let book = CreditBook()
                guard
                    let entry = try await book.adjust(
                        credits, account: account, mode: mode, reason: reason, actor: NSUserName(), in: $0),
                    let balance = try await book.balance(account: account, mode: mode, in: $0)
                else { throw unknownAccount(account) }
                return .object([
                    ("account", .string(account)), ("adjusted", .string(credits.description)), ("entry", .int(entry)),
                    ("available", .string(balance.available.description)),
                ])
            }
            change.print(result, "Adjusted the credits of \(account) by \(amount).")
        } catch let error as PostgresError where error.constraint == CreditBook.availableNotNegative {
            throw CommandError(
                "\(account) has less than \(size) credits available: see `zadmin credits balance --account \(account)`")
        }
    }
}

struct CreditsBalance: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "balance", abstract: "Shows what an account has.")

    @OptionGroup var wallet: WalletOptions
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let (book, walletID) = (CreditBook(), try await wallet.id(in: office))
        let balance = try await book.balance(walletID: walletID, in: office.pool)
        let members = [
            ("available", balance.available), ("reserved", balance.reserved), ("granted", balance.granted),
            ("adjusted", balance.adjusted), ("settled", balance.settled), ("expired", balance.expired),
        ]
        let grants = try await book.expiringGrants(walletID: walletID, in: office.pool)
        if output.json {
            let amounts = members.map { ($0.0, JSON.string($0.1.description)) }
            return Output.write(
                JSON.object(
                    [("account", .string(wallet.account)), ("mode", .string(wallet.mode.rawValue))] + amounts
                        + [("expiring", .array(grants.map(\.json)))]).text)
        }
        var table = Table(
            ("ACCOUNT", .left), ("MODE", .left), ("AVAILABLE", .right), ("RESERVED", .right), ("GRANTED", .right),
            ("ADJUSTED", .right), ("SETTLED", .right), ("EXPIRED", .right))
        let cells = members.map(\.1.description)
        table.add(wallet.account, wallet.mode.rawValue, cells[0], cells[1], cells[2], cells[3], cells[4], cells[5])
        Output.write(table.text)
        guard !grants.isEmpty else { return }
        var dates = Table(("EXPIRES", .left), ("LEFT", .right), ("RESERVED", .right), ("OF", .right))
        for grant in grants {
            dates.add(
                Output.time(grant.expiresAt), grant.remaining.description, grant.reserved.description,
                grant.amount.description)
        }
        Output.write("\n\(dates.text)")
    }
}

extension ExpiringGrant {
    fileprivate var json: JSON {
        .object([
            ("grant", .int(id)), ("amount", .string(amount.description)), ("remaining", .string(remaining.description)),
            ("reserved", .string(reserved.description)), ("expires_at", .string(Output.timeText(expiresAt))),
        ])
    }
}

struct CreditsHistory: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Shows an account's ledger entries, the newest first, at most 1000.")

    @OptionGroup var wallet: WalletOptions
    @Option(parsing: .unconditional, help: "Only entries before this one, for the next page.") var before: Int64?
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let walletID = try await wallet.id(in: office)
        let ids = try Dialects(office)
        let lines = try await CreditBook().history(walletID: walletID, before: before, in: office.pool)
        if output.json { return Output.write(JSON.array(lines.map { json($0, ids) }).text) }
        var table = Table(
            ("ENTRY", .right), ("AT", .left), ("KIND", .left), ("FROM", .left), ("TO", .left), ("CREDITS", .right),
            ("TASK OR GRANT", .left), ("REASON", .left), ("BY", .left))
        for line in lines {
            table.add(
                String(line.id), Output.time(line.at), line.kind, line.debit, line.credit, line.amount.description,
                ids.idText(line.taskID, line.taskCreatedAt) ?? line.grantID.map { "grant \($0)" } ?? "-",
                line.reason ?? "-", line.actor ?? "-")
        }
        Output.write(table.text)
    }

    private func json(_ line: EntryLine, _ ids: Dialects) -> JSON {
        .object([
            ("id", .int(line.id)), ("at", .string(Output.timeText(line.at))), ("kind", .string(line.kind)),
            ("debit", .string(line.debit)), ("credit", .string(line.credit)),
            ("amount", .string(line.amount.description)),
            ("task", .optional(ids.idText(line.taskID, line.taskCreatedAt))),
            ("grant", line.grantID.map(JSON.int) ?? .null), ("reason", .optional(line.reason)),
            ("actor", .optional(line.actor)),
        ])
    }
}
