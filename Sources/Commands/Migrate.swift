import ArgumentParser
import Domain
import Postgres

struct Migrate: OfficeCommand {
    static let configuration = CommandConfiguration(abstract: "Brings the database to this program's schema.")

    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let applied = try await Migrator(folder: office.settings.migrationsFolder).apply(office.database.ownerAddress)
        if output.json { return Output.write(JSON.object([("applied", .array(applied.map(JSON.string)))]).text) }
        Output.write(applied.isEmpty ? "The database is up to date." : applied.map { "applied \($0)" }.joined(separator: "\n"))
    }
}
