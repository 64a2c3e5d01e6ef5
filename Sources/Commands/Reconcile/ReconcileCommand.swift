import ArgumentParser
import Domain
import Ledger
import Postgres

struct ReconcileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile", abstract: "Proves that the books agree, with each other and with providers' invoices.",
        subcommands: [ReconcileLedger.self, ReconcileProvider.self, ReconcileShow.self, ReconcileList.self])
}

struct ReconcileLedger: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "Recomputes balances, reservations, counters and usage from entries and tasks; exit code 1 on drift.")

    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let drifts = try await office.pool.transaction(.readOnlySnapshot) { transaction in
            try await LedgerProof().run(in: transaction)
        }
        if output.json {
            Output.write(
                JSON.object([
                    ("clean", .bool(drifts.isEmpty)),
                    ("checks", .array(LedgerProof.checks.map { .string($0.name) })),
                    ("drift", .array(drifts.map(\.json))),
                ]).text)
        } else {
            for check in LedgerProof.checks {
                let found = drifts.filter { $0.check == check.name }
                Output.write("\(found.isEmpty ? "ok   " : "DRIFT") \(check.name): \(check.proves)")
                for drift in found { Output.write("      \(drift.subject): \(drift.finding)") }
            }
            Output.write(drifts.isEmpty ? "The ledger adds up." : "\(drifts.count) drifts found.")
        }
        if !drifts.isEmpty { throw ExitCode(1) }
    }
}

extension Drift {
    fileprivate var json: JSON {
        .object([("check", .string(check)), ("subject", .string(subject)), ("finding", .string(finding))])
    }
}
