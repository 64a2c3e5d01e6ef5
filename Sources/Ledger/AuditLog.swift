public import Domain
public import Foundation
public import Postgres

/// A change to money or rights, as the audit log and repeated commands know it.
public struct AuditedChange: Sendable {
    /// Who asks for it.
    public let actor: String
    /// The command, such as `credits grant`.
    public let command: String
    /// What it changes, such as an account's name.
    public let target: String
    /// Why.
    public let reason: String
    /// The command with all its arguments: a repeated key must come with the same.
    public let fingerprint: String
    /// Makes the change safe to repeat.
    public let idempotencyKey: String?

    /// Describes a change.
    public init(
        actor: String, command: String, target: String, reason: String, fingerprint: String, idempotencyKey: String?
    ) {
        self.actor = actor
        self.command = command
        self.target = target
        self.reason = reason
        self.fingerprint = fingerprint
        self.idempotencyKey = idempotencyKey
    }
}

/// The key of a repeated command came with other arguments than the first time.
public struct IdempotencyConflict: Error, CustomStringConvertible {
    public let description =
        "this idempotency key was used for a command with other arguments: use a new key for a new command"
}

/// What an audited change answers.
public struct AuditedResult: Sendable {
    /// The result, as JSON text.
    public let text: String
    /// Whether it is the result of an earlier command with the same key, so that nothing was changed now.
    public let replayed: Bool
}

/// Runs changes to money and rights: at most once per idempotency key, and never without a line in the audit log.
public struct AuditLog: Sendable {
    /// The log has no state.
    public init() {}

    /// Runs a change, or answers what it answered the first time.
    /// - Parameters:
    ///   - body: makes the change in the given transaction and answers what is stored.
    public func run(
        _ change: AuditedChange, in transaction: Transaction, _ body: @Sendable (Transaction) async throws -> JSON
    ) async throws -> AuditedResult {
        if let key = change.idempotencyKey {
            try await transaction.execute(LedgerStatements.lockKey, [Parameter(key)])
            let old = try await transaction.first(LedgerStatements.replayed, [Parameter(key)]) {
                (row) throws(PostgresError) in
                (fingerprint: try row.get(0, as: String.self), result: try row.get(1, as: JSONText.self).string)
            }
            if let old {
                guard old.fingerprint == change.fingerprint else { throw IdempotencyConflict() }
                return AuditedResult(text: old.result, replayed: true)
            }
        }
        let result = try await body(transaction).text
        try await transaction.execute(
            LedgerStatements.audit,
            [
                Parameter(change.actor), Parameter(change.command), Parameter(change.target), Parameter(change.reason),
                Parameter(JSONText(result)),
            ])
        if let key = change.idempotencyKey {
            try await transaction.execute(
                LedgerStatements.remember, [Parameter(key), Parameter(change.fingerprint), Parameter(JSONText(result))])
        }
        return AuditedResult(text: result, replayed: false)
    }

    /// The newest lines.
    /// - Parameters:
    ///   - actor: only of this one; nil is anybody.
    ///   - since: from this moment on.
    ///   - limit: how many at most.
    public func lines(
        actor: String?, since: Date, limit: Int, in session: any Session
    ) async throws(PostgresError) -> [AuditLine] {
        let window = [Parameter(since), Parameter(Int32(clamping: limit))]
        let (statement, parameters) =
            actor.map { (LedgerStatements.auditedBy, window + [Parameter($0)]) } ?? (LedgerStatements.audited, window)
        return try await session.query(statement, parameters) { (row) throws(PostgresError) in
            AuditLine(
                at: try row.get(0), actor: try row.get(1), command: try row.get(2), target: try row.get(3), reason: try row.get(4),
                result: try row.get(5, as: JSONText.self).string)
        }
    }
}

/// A line of the audit log.
public struct AuditLine: Sendable {
    /// When it was done.
    public let at: Date
    /// Who did it.
    public let actor: String
    /// The command, such as `credits grant`.
    public let command: String
    /// What it changed, such as an account's name.
    public let target: String
    /// Why.
    public let reason: String
    /// What it answered, as JSON text.
    public let result: String
}
