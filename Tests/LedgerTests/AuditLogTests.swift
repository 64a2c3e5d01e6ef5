import Domain
import Foundation
import Ledger
import Postgres
import TestSupport
import Testing

extension LedgerSuites {
    @Suite struct AuditLogTests {
        private func change(_ key: String?, arguments: String = "acme 1") -> AuditedChange {
            AuditedChange(
                actor: "somebody", command: "credits grant", target: "acme", reason: "a reason",
                fingerprint: "credits grant \(arguments)", idempotencyKey: key)
        }

        /// Grants one credit, once per key.
        private func grant(_ change: AuditedChange, _ database: TestDatabase) async throws -> AuditedResult {
            try await database.pool.transaction { transaction in
                try await AuditLog().run(change, in: transaction) { transaction in
                    let entry = try await CreditBook().grant(
                        Credits(micro: 1_000_000), account: "acme", mode: .live, reason: "a reason", actor: "somebody",
                        in: transaction)
                    return .object([("entry", .int(entry ?? 0)), ("account", .string("acme"))])
                }
            }
        }

        private func values(_ result: AuditedResult) throws -> [String: String] {
            let object = try JSONSerialization.jsonObject(with: Data(result.text.utf8)) as? [String: Any]
            return (object ?? [:]).mapValues { "\($0)" }
        }

        @Test func aRepeatedKeyAnswersTheFirstResultAndRunsNothing() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "0")
            let first = try await grant(change("key"), database)
            let second = try await grant(change("key"), database)
            #expect(!first.replayed && second.replayed)
            #expect(try values(first) == values(second))
            #expect(try values(first)["account"] == "acme")
            #expect(try await acme.balance(database).available == 1_000_000)
            #expect(
                try await database.rows("select actor, command, target, reason, result->>'account' from audit_log")
                    == [["somebody", "credits grant", "acme", "a reason", "acme"]])
        }

        @Test func theSameKeyWithOtherArgumentsIsAConflict() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "0")
            _ = try await grant(change("key"), database)
            await #expect(throws: IdempotencyConflict.self) {
                try await grant(change("key", arguments: "acme 2"), database)
            }
            #expect(try await acme.balance(database).available == 1_000_000)
            #expect(try await database.number("select count(*) from audit_log") == 1)
        }

        @Test func withoutAKeyEveryRunCountsAndIsWrittenDown() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "0")
            for _ in 0..<3 { #expect(try await !grant(change(nil), database).replayed) }
            #expect(try await acme.balance(database).available == 3_000_000)
            #expect(try await database.number("select count(*) from audit_log") == 3)
        }

        @Test func whatFailsLeavesNoLineAndTheKeyFree() async throws {
            struct Refused: Error {}
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "0")
            await #expect(throws: Refused.self) {
                try await database.pool.transaction { transaction in
                    try await AuditLog().run(change("key"), in: transaction) { transaction in
                        _ = try await CreditBook().grant(
                            Credits(micro: 5), account: "acme", mode: .live, reason: "r", actor: "a", in: transaction)
                        throw Refused()
                    }
                }
            }
            #expect(try await acme.balance(database).available == 0)
            #expect(try await database.number("select count(*) from audit_log") == 0)
            #expect(try await !grant(change("key"), database).replayed)
        }

        @Test func aReasonIsRequired() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            _ = try await Tenant.make(database, credits: "0")
            let silent = AuditedChange(
                actor: "a", command: "c", target: "t", reason: "", fingerprint: "f", idempotencyKey: nil)
            let error = await #expect(throws: PostgresError.self) { try await grant(silent, database) }
            #expect(error?.constraint == "audit_log_reason_check")
        }

        @Test func racingWithOneKeyRunsOnce() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 3)
            let acme = try await Tenant.make(database, credits: "0")
            for round in 1...10 {
                let replays = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for _ in 0..<3 {
                        group.addTask { try await grant(change("round \(round)"), database).replayed }
                    }
                    return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                #expect(replays == 2)
            }
            #expect(try await acme.balance(database).available == 10_000_000)
            #expect(try await database.number("select count(*) from audit_log") == 10)
            #expect(try await ledgerDrift(database).isEmpty)
        }
    }
}
