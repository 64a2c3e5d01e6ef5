import Curl
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

/// An installation: a data folder, a database, and the programs that work on both.
final class Site: Sendable {
    /// How a command ended and what it said.
    struct Outcome: Sendable {
        let ending: Child.Ending
        let output: String
        let error: String

        var isSuccess: Bool { ending == .exited(0) }

        func json() throws -> Any {
            try JSONSerialization.jsonObject(with: Data(output.utf8), options: .fragmentsAllowed)
        }

        func object() throws -> [String: Any] { try #require(try json() as? [String: Any], "\(output)") }
    }

    let folder: String
    /// Nil: the embedded database of the folder.
    let databaseURL: String?
    let transfers = Transfers()
    private let children = Mutex<[Child]>([])
    private let count = Atomic<Int>(0)

    private init(databaseURL: String?) throws {
        folder = "\(FileManager.default.temporaryDirectory.path)/zimage-site-\(UUID().uuidString.lowercased())"
        self.databaseURL = databaseURL
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    /// Runs a test in a new installation; afterwards nothing of it is left.
    /// - Parameter original: whose database and secret are copied, while nobody uses them; nil: an empty one is migrated.
    static func with(
        embedded: Bool = false, copyOf original: Site? = nil, _ test: (Site) async throws -> Void
    ) async throws {
        let site = try Site(
            databaseURL: embedded ? nil : try await SystemCluster.shared.makeDatabase(copyOf: original?.databaseURL))
        let result: Result<Void, any Error>
        do {
            if let original {
                try FileManager.default.copyItem(atPath: "\(original.folder)/secret", toPath: "\(site.folder)/secret")
            } else if !embedded {
                try await site.mustRun("migrate")
            }
            result = .success(try await test(site))
        } catch { result = .failure(error) }
        for child in site.children.withLock({ $0 }) {
            child.send(SIGKILL)
            _ = await child.ending()
        }
        await site.transfers.shutdown()
        if let url = site.databaseURL {
            try await SystemCluster.shared.drop(url)
        } else {
            let cluster = EmbeddedCluster(dataFolder: site.folder)
            try? await onOwnThread { try cluster.stop() }
        }
        try? FileManager.default.removeItem(atPath: site.folder)
        try result.get()
    }

    /// The database's address, also of an embedded one that was started.
    var url: String { databaseURL ?? EmbeddedCluster(dataFolder: folder).url }

    /// Starts a program with this installation's settings.
    /// - Parameter input: what it reads from standard input; nil: nothing is there.
    func launch(
        _ program: String, _ arguments: [String], settings: [String: String], input: String? = nil
    ) throws -> (child: Child, log: String) {
        let number = count.wrappingAdd(1, ordering: .relaxed).newValue
        var environment = ["HOME": "/", "ZIMAGE_DATA": folder]
        if let databaseURL { environment["ZIMAGE_DATABASE_URL"] = databaseURL }
        environment.merge(settings) { $1 }
        let log = "\(folder)/\(program)-\(number)"
        if let input { try Data(input.utf8).write(to: URL(fileURLWithPath: "\(log).in")) }
        let child = try Child(
            "\(RepositoryPaths.programs)/\(program)", arguments, environment: environment,
            inputPath: input == nil ? "/dev/null" : "\(log).in", outputPath: "\(log).out", errorPath: "\(log).err")
        children.withLock { $0.append(child) }
        return (child, log)
    }

    /// Runs a program to its end.
    func run(
        _ program: String, _ arguments: [String], settings: [String: String] = [:], input: String? = nil
    ) async throws -> Outcome {
        let (child, log) = try launch(program, arguments, settings: settings, input: input)
        let ending = await child.ending()
        return Outcome(
            ending: ending, output: try String(contentsOfFile: "\(log).out", encoding: .utf8),
            error: try String(contentsOfFile: "\(log).err", encoding: .utf8))
    }

    /// Runs `zadmin` with a line of arguments.
    func zadmin(_ line: String, settings: [String: String] = [:], input: String? = nil) async throws -> Outcome {
        try await run("zadmin", line.split(separator: " ").map(String.init), settings: settings, input: input)
    }

    /// Runs `zadmin`, which must succeed.
    @discardableResult
    func mustRun(_ line: String, input: String? = nil) async throws -> Outcome {
        let outcome = try await zadmin(line, input: input)
        guard outcome.isSuccess else { throw TestFailure("zadmin \(line): \(outcome.error)") }
        return outcome
    }

    /// Makes an account in the group `default`, with credits.
    func makeAccount(_ name: String, credits: String) async throws {
        try await mustRun("account create \(name) --group default")
        try await mustRun("credits grant --account \(name) --amount \(credits)")
    }

    /// Issues a key and returns its text.
    func issueKey(_ account: String, _ options: String = "") async throws -> String {
        let issued = try await mustRun("key issue --account \(account) \(options) --json").object()
        return try #require(issued["key"] as? String)
    }

    /// Available, reserved and settled credits, as texts.
    func balance(_ account: String, _ options: String = "") async throws -> [String] {
        let balance = try await mustRun("credits balance --account \(account) \(options) --json").object()
        return ["available", "reserved", "settled"].map { balance[$0] as? String ?? "" }
    }

    /// Asks the database with the owner's rights.
    func rows(_ sql: String) async throws -> [[String?]] { try await connect().runText(sql) }

    /// A session with the owner's rights.
    func connect() async throws -> Connection { try await Connection.open(DatabaseAddress(url: url, role: nil)) }

    /// The only number that a query answers.
    func number(_ sql: String) async throws -> Int {
        try #require(try await rows(sql).first?.first?.flatMap { Int($0) }, "\(sql)")
    }

    /// Waits until every task has ended.
    func allEnded() async throws {
        try await eventually("the end of all tasks") {
            try await number("select count(*) from tasks where finished_at is null") == 0
        }
    }

    /// The proof must be clean.
    func expectCleanLedger() async throws {
        let proof = try await zadmin("reconcile ledger")
        #expect(proof.isSuccess, "\(proof.output)\(proof.error)")
    }
}
