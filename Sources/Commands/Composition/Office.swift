import ArgumentParser
import Domain
import Foundation
import Keys
import Ledger
import Postgres

/// Where an operator's command works: settings, database and secret.
struct Office: Sendable {
    let settings: Settings
    let database: OpenDatabase

    var pool: ConnectionPool { database.pool }

    /// The installation's secret, checked against the database.
    func secret() async throws -> ServiceSecret {
        let secret = try SecretFile.load(settings)
        try await SecretCheck()(secret, in: pool)
        return secret
    }
}

/// A command that works on the database.
protocol OfficeCommand: AsyncParsableCommand {
    func run(in office: Office) async throws
}

extension OfficeCommand {
    func run() async throws {
        let settings = try await Settings.read()
        let database = try await OpenDatabase.open(settings, connectionsMax: 2)
        do { try await run(in: Office(settings: settings, database: database)) } catch {
            await database.close()
            throw error
        }
        await database.close()
    }
}

/// How a command answers.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Answer as JSON.")
    var json = false
}

/// What every command that changes money or rights takes.
struct ChangeOptions: ParsableArguments {
    @Flag(help: "Answer as JSON.")
    var json = false

    @Option(help: "Why, for the audit log.")
    var reason = ChangeOptions.noReason

    static let noReason = "not given"

    @Option(help: "Makes the command safe to repeat: the same key runs it once.")
    var idempotencyKey: String?

    /// Runs a change in one transaction with its line in the audit log.
    /// - Parameters:
    ///   - arguments: all that the change depends on, compared when the idempotency key is used again.
    ///   - body: makes the change and answers what is stored and printed as JSON.
    /// - Returns: the answer, and whether it is a repeated one.
    func run(
        _ command: String, target: String, arguments: [String], in office: Office,
        _ body: @escaping @Sendable (Transaction) async throws -> JSON
    ) async throws -> AuditedResult {
        guard (1...500).contains(reason.count) else { throw CommandError("--reason is 1 to 500 characters") }
        if let key = idempotencyKey, !(1...255).contains(key.count) {
            throw CommandError("--idempotency-key is 1 to 255 characters")
        }
        let change = AuditedChange(
            actor: NSUserName(), command: command, target: target, reason: reason,
            fingerprint: ([command, target] + arguments).joined(separator: "\u{1f}"), idempotencyKey: idempotencyKey)
        return try await office.pool.transaction { transaction in
            try await AuditLog().run(change, in: transaction, body)
        }
    }

    /// Prints the answer: as JSON, or a sentence for people.
    func print(_ result: AuditedResult, _ sentence: String) {
        if json { return Output.write(result.text) }
        Output.write(result.replayed ? "\(sentence) (done before under this idempotency key; nothing changed now)" : sentence)
    }
}
