import ArgumentParser
import Domain
import Foundation
import Ledger

struct AuditCommand: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Who changed money or rights, when and why: the newest first.")

    @Option(help: "Only of this user.") var actor: String?
    @Option(help: "From this day or moment on, such as 2026-12-31.") var since: String?
    @Option(parsing: .unconditional, help: "How many at most.") var limit = 100
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        guard (1...10_000).contains(limit) else { throw CommandError("--limit is 1 to 10000, not \(limit)") }
        let lines = try await AuditLog().lines(
            actor: actor, since: try since.map(parseDate) ?? Date(timeIntervalSince1970: 0), limit: limit, in: office.pool)
        if output.json { return Output.write(JSON.array(lines.map(\.json)).text) }
        var table = Table(("AT", .left), ("BY", .left), ("COMMAND", .left), ("TARGET", .left), ("WHY", .left))
        for line in lines { table.add(Output.time(line.at), line.actor, line.command, line.target, line.reason) }
        Output.write(table.text)
    }
}

extension AuditLine {
    fileprivate var json: JSON {
        .object([
            ("at", .string(Output.timeText(at))), ("actor", .string(actor)), ("command", .string(command)),
            ("target", .string(target)), ("reason", .string(reason)), ("result", .raw(result)),
        ])
    }
}
