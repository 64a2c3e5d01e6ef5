import ArgumentParser
import Domain
import Foundation
import Keys
import Postgres

struct CallbackSecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "The secret by which an account's server checks our callbacks.",
        subcommands: [CallbackSecretShow.self, CallbackSecretRotate.self])
}

struct CallbackSecretShow: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows the secrets that sign now: one, or two after a rotation.")

    @Option(help: "The account.") var account: String
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let secrets = try await office.callbackSecrets(of: account)
        Output.write(output.json ? json(account, secrets).text : table(secrets).text)
    }
}

struct CallbackSecretRotate: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Makes a new secret; the one before it signs as well until the overlap is over.")

    @Option(help: "The account.") var account: String
    @Option(help: "How long both sign, such as 90m, 24h or 7d; 0 ends the old one at once.") var overlap = "24h"
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let (account, seconds) = (account, try overlapSeconds())
        let secrets = CallbackSecrets(secret: try await office.secret())
        let result = try await change.run(
            "callback secret rotate", target: account, arguments: [String(seconds)], in: office
        ) {
            guard let owner = try await CallbackSecrets.owner(account, in: $0) else { throw unknownAccount(account) }
            try await secrets.rotate(of: owner, overlapSeconds: seconds, in: $0)
            // The secret itself is kept out of the audit log.
            return .object([("account", .string(account)), ("overlap_seconds", .int(Int64(seconds)))])
        }
        let now = try await office.callbackSecrets(of: account)
        if change.json { return Output.write(json(account, now).text) }
        change.print(result, "Rotated the callback secret of \(account). Give the new one, which stands first, to the customer:")
        Output.write(table(now).text)
    }

    private func overlapSeconds() throws -> Int {
        let units = ["": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let match = overlap.wholeMatch(of: /([0-9]{1,7})([smhd]?)/), let count = Int(match.1),
            let unit = units[String(match.2)], count * unit <= 30 * 86_400
        else { throw CommandError("--overlap is a time of at most 30 days, such as 90m, 24h or 7d, not '\(overlap)'") }
        return count * unit
    }
}

extension Office {
    fileprivate func callbackSecrets(of account: String) async throws -> [CallbackSecret] {
        let secrets = CallbackSecrets(secret: try await secret())
        return try await pool.transaction { transaction in
            guard let owner = try await CallbackSecrets.owner(account, in: transaction) else { throw unknownAccount(account) }
            return try await secrets.current(of: owner, in: transaction)
        }
    }
}

private func json(_ account: String, _ secrets: [CallbackSecret]) -> JSON {
    let list = secrets.map { secret -> JSON in
        .object([
            ("id", .int(secret.id)), ("secret", .string(secret.text)),
            ("ends_at", .optional(secret.endsAt.map(Output.timeText))),
        ])
    }
    return .object([("account", .string(account)), ("secrets", .array(list))])
}

private func table(_ secrets: [CallbackSecret]) -> Table {
    var table = Table(("SECRET", .left), ("SIGNS UNTIL", .left))
    for secret in secrets { table.add(secret.text, secret.endsAt.map(Output.time) ?? "it is rotated") }
    return table
}
