import ArgumentParser
import Domain
import Foundation
import Keys
import Ledger

struct CodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "code", abstract: "Codes that customers turn into credits, each once.",
        subcommands: [CodeCreate.self, CodeRedeem.self, CodeList.self, CodeWithdraw.self])
}

extension Office {
    fileprivate func codes() async throws -> RedemptionCodes {
        RedemptionCodes(key: try await secret().key(for: .redemptionCode))
    }
}

struct CodeCreate: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Makes codes and shows them, this once.")

    @Option(parsing: .unconditional, help: "Credits of each code, with up to 6 decimals.") var amount: String
    @Option(parsing: .unconditional, help: "How many, at most 1000.") var count = 1
    @Option(help: "The date from which the codes no longer work; never when absent.") var validUntil: String?
    @Option(parsing: .unconditional, help: "Days that the credits last once redeemed; for ever when absent.")
    var creditDays: Int?
    @Option(help: "Only this account may redeem them.") var account: String?
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let plan = try plan()
        guard (1...1000).contains(count) else { throw CommandError("--count is 1 to 1000, not \(count)") }
        let codes = try await office.codes()
        let shown = Shown()
        let arguments = [
            plan.amount.description, String(count), validUntil ?? "", creditDays.map(String.init) ?? "", account ?? "",
        ]
        let (count, reason) = (count, change.reason)
        let result = try await change.run("credits code create", target: account ?? "-", arguments: arguments, in: office) {
            var made: [(id: Int64, code: RedemptionCode)] = []
            for _ in 0..<count {
                guard let one = try await codes.make(plan, reason: reason, actor: NSUserName(), in: $0) else {
                    throw unknownAccount(plan.account ?? "")
                }
                made.append(one)
            }
            await shown.set(made.map(\.code.text))
            return .object([
                ("codes", .array(made.map { .int($0.id) })), ("amount", .string(plan.amount.description)),
            ])
        }
        // A repeated command cannot show the codes again: their texts are stored nowhere.
        let texts = result.replayed ? [] : await shown.texts
        if change.json {
            let members = JSON.object([("texts", .array(texts.map(JSON.string)))]).text.dropFirst()
            Output.write("\(result.text.dropLast()),\(members)")
        } else if texts.isEmpty {
            Output.write("Made before under this idempotency key; codes are shown only once. Withdraw them if they are lost.")
        } else {
            Output.write("Made \(texts.count) \(texts.count == 1 ? "code" : "codes") of \(plan.amount) credits, shown only now:")
            for text in texts { Output.write(text) }
        }
    }

    /// Carries the codes out of the transaction, which may run twice: the last ones are those that were committed.
    private actor Shown {
        var texts: [String] = []
        func set(_ texts: [String]) { self.texts = texts }
    }

    private func plan() throws -> CodePlan {
        var plan = CodePlan(amount: try Credits(decimal: amount))
        guard plan.amount > .zero else { throw CommandError("--amount must be more than 0 credits") }
        plan.validUntil = try validUntil.map(parseDate)
        if let date = plan.validUntil, date <= Date() { throw CommandError("--valid-until lies in the past") }
        if let creditDays, !(1...3650).contains(creditDays) {
            throw CommandError("--credit-days is 1 to 3650, not \(creditDays)")
        }
        plan.creditDays = creditDays
        plan.account = account
        return plan
    }
}

struct CodeRedeem: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "redeem", abstract: "Turns a code into credits of an account.")

    @Argument(help: "The code, such as ZC-2K7QF-....") var code: String
    @Option(help: "The account that gets the credits.") var account: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let codes = try await office.codes()
        guard let code = RedemptionCode(code) else { throw Self.unknown }
        let account = account
        let result = try await change.run("credits code redeem", target: account, arguments: [code.text], in: office) {
            guard let wallet = try await CreditBook().wallet(of: account, mode: .live, in: $0) else { throw unknownAccount(account) }
            switch try await codes.redeem(code, walletID: wallet, actor: NSUserName(), in: $0) {
            case .redeemed(let amount, let entry, let expires, _):
                return .object([
                    ("account", .string(account)), ("granted", .string(amount.description)), ("entry", .int(entry)),
                    ("expires_at", .optional(expires.map(Output.timeText))),
                ])
            case .unknown: throw Self.unknown
            case .used: throw CommandError("another account has redeemed this code: see `zadmin credits code list`")
            case .withdrawn: throw CommandError("this code was withdrawn: see `zadmin credits code list`")
            case .tooLate: throw CommandError("this code's time is over: see `zadmin credits code list`")
            }
        }
        change.print(result, "Redeemed the code for \(account).")
    }

    private static let unknown = CommandError("this is not a code of ours for that account: check its letters")
}

struct CodeList: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Shows the newest codes, at most 1000, never their texts.")

    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let codes = try await RedemptionCodes.list(in: office.pool)
        if output.json { return Output.write(JSON.array(codes.map(\.json)).text) }
        var table = Table(
            ("CODE", .right), ("ENDS IN", .left), ("CREDITS", .right), ("STATE", .left), ("VALID UNTIL", .left),
            ("CREDIT DAYS", .right), ("FOR", .left), ("REDEEMED BY", .left), ("REDEEMED", .left), ("REASON", .left))
        for code in codes {
            table.add(
                String(code.id), code.hint, code.amount.description, code.state, Output.time(code.validUntil),
                Output.optional(code.creditDays), code.account ?? "any", code.redeemedBy ?? "-",
                Output.time(code.redeemedAt), code.reason)
        }
        Output.write(table.text)
    }
}

struct CodeWithdraw: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw", abstract: "Takes back a code that nobody has redeemed.")

    @Argument(help: "The code's number, from `zadmin credits code list`.") var code: Int64
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let id = code
        let result = try await change.run("credits code withdraw", target: String(id), arguments: [], in: office) {
            guard try await RedemptionCodes.withdraw(id, in: $0) else {
                throw CommandError("there is no open code \(id): see `zadmin credits code list`")
            }
            return .object([("id", .int(id)), ("withdrawn", .bool(true))])
        }
        change.print(result, "Withdrew the code \(id).")
    }
}

extension CodeListing {
    fileprivate var json: JSON {
        .object([
            ("id", .int(id)), ("hint", .string(hint)), ("amount", .string(amount.description)), ("state", .string(state)),
            ("valid_until", .optional(validUntil.map(Output.timeText))),
            ("credit_days", creditDays.map { .int(Int64($0)) } ?? .null), ("account", .optional(account)),
            ("redeemed_by", .optional(redeemedBy)), ("redeemed_at", .optional(redeemedAt.map(Output.timeText))),
            ("reason", .string(reason)), ("created_at", .string(Output.timeText(createdAt))),
        ])
    }
}
