import ArgumentParser
import Domain
import Foundation
import Keys
import Postgres

struct AccountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account", abstract: "Tenants: they own keys, credits and tasks.",
        subcommands: [
            AccountCreate.self, AccountList.self, AccountShow.self, AccountSuspend.self, AccountResume.self,
            AccountMove.self,
        ])
}

func unknownAccount(_ name: String) -> CommandError {
    CommandError("there is no account '\(name)': see `zadmin account list`")
}

struct AccountCreate: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Makes an account without credits.")

    @Argument(help: "Letters, digits and @ . _ -") var name: String
    @Option(help: "The user group.") var group: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        guard name.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9@._-]{0,126}/) != nil else {
            throw CommandError("'\(name)' cannot be an account's name: use letters, digits and @ . _ -")
        }
        let (name, group) = (name, group)
        do {
            let result = try await change.run("account create", target: name, arguments: [group], in: office) {
                guard try await Tenants().createAccount(name, group: group, actor: NSUserName(), in: $0) else {
                    throw unknownGroup(group)
                }
                return .object([("name", .string(name)), ("group", .string(group))])
            }
            change.print(result, "Made the account \(name) in the group \(group).")
        } catch let error as PostgresError where error.constraint == "accounts_name_key" {
            throw CommandError("there is an account '\(name)' already: see `zadmin account show \(name)`")
        }
    }
}

struct AccountList: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Shows all accounts.")

    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let accounts = try await Tenants().accounts(named: nil, in: office.pool)
        if output.json { return Output.write(JSON.array(accounts.map(\.json)).text) }
        Output.write(AccountListing.table(accounts))
    }
}

struct AccountShow: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows one account.")

    @Argument var name: String
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        guard let account = try await Tenants().accounts(named: name, in: office.pool).first else {
            throw unknownAccount(name)
        }
        Output.write(output.json ? account.json.text : AccountListing.table([account]))
    }
}

struct AccountSuspend: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "suspend", abstract: "Stops an account's keys; tasks that were accepted still run.")

    @Argument var name: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        try await change.suspend(name, true, "account suspend", "Suspended the account \(name).", in: office)
    }
}

struct AccountResume: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Lets a suspended account go on.")

    @Argument var name: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        try await change.suspend(name, false, "account resume", "The account \(name) can go on.", in: office)
    }
}

extension ChangeOptions {
    fileprivate func suspend(
        _ name: String, _ suspended: Bool, _ command: String, _ sentence: String, in office: Office
    ) async throws {
        let result = try await run(command, target: name, arguments: [], in: office) {
            guard try await Tenants().suspend(name, suspended, in: $0) else { throw unknownAccount(name) }
            return .object([("name", .string(name)), ("suspended", .bool(suspended))])
        }
        self.print(result, sentence)
    }
}

struct AccountMove: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "move", abstract: "Moves an account to another user group.")

    @Argument var name: String
    @Option(help: "The user group.") var group: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let (name, group) = (name, group)
        let result = try await change.run("account move", target: name, arguments: [group], in: office) {
            guard try await !Tenants().groups(named: group, in: $0).isEmpty else { throw unknownGroup(group) }
            guard try await Tenants().move(name, to: group, in: $0) else { throw unknownAccount(name) }
            return .object([("name", .string(name)), ("group", .string(group))])
        }
        change.print(result, "Moved the account \(name) to the group \(group).")
    }
}

extension AccountListing {
    fileprivate static func table(_ accounts: [AccountListing]) -> String {
        var table = Table(
            ("ACCOUNT", .left), ("GROUP", .left), ("STATE", .left), ("AVAILABLE", .right), ("RESERVED", .right),
            ("KEYS", .right), ("SINCE", .left))
        for account in accounts {
            table.add(
                account.name, account.group, account.state, Credits(micro: account.availableMicro).description,
                Credits(micro: account.reservedMicro).description, String(account.keys), Output.time(account.createdAt))
        }
        return table.text
    }

    private var state: String { suspendedAt == nil ? "active" : "suspended" }

    fileprivate var json: JSON {
        .object([
            ("id", .int(id)), ("name", .string(name)), ("group", .string(group)), ("state", .string(state)),
            ("available", .string(Credits(micro: availableMicro).description)),
            ("reserved", .string(Credits(micro: reservedMicro).description)), ("keys", .int(keys)),
            ("created_at", .string(Output.timeText(createdAt))),
        ])
    }
}

/// Throws when there is no such account, so that an empty list means an empty account.
func requireAccount(_ name: String, in office: Office) async throws {
    if try await Tenants().accounts(named: name, in: office.pool).isEmpty { throw unknownAccount(name) }
}
