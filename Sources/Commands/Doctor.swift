import ArgumentParser
import Domain
import Foundation
import Images
import Postgres
import Providers
import Reports
import Vips

struct Doctor: OfficeCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks the database, the clock, the image store, engine, providers and settings; exit code 1 on trouble.")

    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        var findings: [Finding] = []
        for check in checks(office) {
            do { findings.append(Finding(name: check.name, trouble: nil, detail: try await check.run())) } catch {
                findings.append(Finding(name: check.name, trouble: "\(error)", detail: ""))
            }
        }
        let healthy = findings.allSatisfy { $0.trouble == nil }
        if output.json {
            Output.write(JSON.object([("healthy", .bool(healthy)), ("checks", .array(findings.map(\.json)))]).text)
        } else {
            var table = Table(("CHECK", .left), ("STATE", .left), ("DETAIL", .left))
            for finding in findings {
                table.add(finding.name, finding.trouble == nil ? "ok" : "TROUBLE", finding.trouble ?? finding.detail)
            }
            Output.write(table.text)
        }
        if !healthy { throw ExitCode(1) }
    }

    private struct Finding {
        let name: String
        let trouble: String?
        let detail: String

        var json: JSON {
            .object([("check", .string(name)), ("ok", .bool(trouble == nil)), ("detail", .string(trouble ?? detail))])
        }
    }

    static let server = Statement(
        "doctor_server",
        """
        select current_setting('server_version'), current_setting('synchronous_commit'), current_setting('fsync'),
            clock_timestamp()
        """)

    private func checks(_ office: Office) -> [(name: String, run: () async throws -> String)] {
        [
            ("database", { try await database(office) }),
            ("schema", { try await schema(office) }),
            ("clock", { try await clock(office) }),
            ("usage rollups", { try await rollups(office) }),
            ("secret", { _ = try await office.secret(); return "belongs to this database" }),
            ("image store", { try await store(office) }),
            ("sandbox engine", { try engine() }), ("providers", { try await providers(office) }),
        ]
    }

    private func serverFacts(_ office: Office) async throws -> (version: String, commit: String, fsync: String, at: Date) {
        try await office.pool.one(Self.server) { (row) throws(PostgresError) in
            (try row.get(0), try row.get(1), try row.get(2), try row.get(3))
        }
    }

    private func database(_ office: Office) async throws -> String {
        let facts = try await serverFacts(office)
        guard facts.commit == "on", facts.fsync == "on" else {
            throw CommandError("commits are not durable: set synchronous_commit and fsync to on")
        }
        return "PostgreSQL \(facts.version), durable commits"
    }

    private func schema(_ office: Office) async throws -> String {
        let pending = try await Migrator(folder: office.settings.migrationsFolder).pending(office.pool)
        guard pending.isEmpty else { throw CommandError("\(pending.count) migrations are missing: run `zadmin migrate`") }
        return "up to date"
    }

    private func clock(_ office: Office) async throws -> String {
        let difference = abs(try await serverFacts(office).at.timeIntervalSinceNow)
        guard difference < 2 else {
            throw CommandError("this machine's clock differs from the database's by \(Int(difference)) s: set up NTP")
        }
        return "within 2 seconds of the database's"
    }

    private func rollups(_ office: Office) async throws -> String {
        let backlog = try await UsageFold().backlog(in: office.pool)
        guard backlog < 1_000_000 else {
            throw CommandError(
                "about \(backlog) usage facts are not folded, so reports are slow: start zserve, or end the oldest "
                    + "transaction of the database server (pg_stat_activity, pg_prepared_xacts)")
        }
        return "about \(backlog) usage facts to fold"
    }

    private func store(_ office: Office) async throws -> String {
        let store = FolderStore(folder: "\(office.settings.dataFolder)/images")
        let path = ImagePath(atSeconds: 0, lease: Int64(ProcessInfo.processInfo.processIdentifier), index: 0, format: .png)
        try await store.put([1, 2, 3], at: path)
        let same = try await store.read(path) == [1, 2, 3]
        try await store.delete(path)
        guard same else { throw CommandError("the image store does not give back what it was given") }
        return "\(office.settings.dataFolder)/images can be written and read"
    }

    private func providers(_ office: Office) async throws -> String {
        let (providers, unread) = try await office.providers().list(in: office.pool)
        let faults = providers.compactMap { provider in provider.fault.map { "\(provider.name): \($0)" } }
            + unread.map { "\($0): this version of the program does not know its kind or engine" }
        guard faults.isEmpty else { throw CommandError(faults.joined(separator: "; ")) }
        if providers.isEmpty { return "none, so the sandbox draws everything" }
        return "\(providers.count(where: \.isEnabled)) of \(providers.count) enabled; see `zadmin provider list`"
    }

    private func engine() throws -> String {
        try VipsLibrary.start()
        return "libvips \(VipsLibrary.version)"
    }
}
