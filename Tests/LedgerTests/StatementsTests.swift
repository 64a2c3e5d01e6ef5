import Admission
import Callbacks
import Keys
import Ledger
import Moderation
import Postgres
import Providers
import Queue
import Reports
import TestSupport
import Testing

extension LedgerSuites {
    @Suite struct StatementsTests {
        static let stages: [(stage: String, statements: [Statement])] = [
            ("Keys", KeysStatements.all), ("Admission", AdmissionStatements.all), ("Queue", QueueStatements.all),
            ("Ledger", LedgerStatements.all), ("Reports", ReportsStatements.all),
            ("Callbacks", CallbacksStatements.all), ("Moderation", ModerationStatements.all),
            ("Providers", ProvidersStatements.all), ("Submits", SubmitStatements.all),
        ]

        @Test func everyStatementIsPreparedByTheServicesRoleOnAFreshDatabase() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let service = try await Connection.open(database.address)
            for (stage, statements) in Self.stages {
                #expect(!statements.isEmpty, "\(stage)")
                for statement in statements {
                    await #expect(throws: Never.self, "\(stage): \(statement.name)") {
                        _ = try await service.runText("prepare \(statement.name) as \(statement.sql)")
                    }
                }
            }
        }

        /// A connection prepares a statement once under its name, so two of one name would run as one.
        @Test func namesAreUnique() {
            let names = Self.stages.flatMap { $0.statements.map(\.name) }
            #expect(names.count == Set(names).count)
        }

        @Test func whatIsNotSQLIsNotPrepared() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let service = try await Connection.open(database.address)
            await #expect(throws: PostgresError.self) {
                try await service.runText("prepare x as select no_such from tasks")
            }
        }
    }
}
