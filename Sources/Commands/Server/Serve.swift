import API
import ArgumentParser
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serves the API and works on jobs until SIGTERM or SIGINT.")

    @Option(help: "What this node does: api, worker or both, with a comma between.") var roles = "api,worker"

    func run() async throws {
        let roles = try Roles(roles)
        let settings = try await Settings.read()
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = settings.logLevel
            return handler
        }
        let logger = Logger(label: "zserve")
        let database = try await OpenDatabase.open(settings, connectionsMax: settings.databaseConnections)
        do {
            let node = try await Node(settings, database, logger)
            try await node.run(roles)
        } catch {
            await database.close()
            throw error
        }
        await database.close()
    }
}

/// What a node does.
struct Roles {
    let api: Bool
    let worker: Bool

    init(_ text: String) throws {
        let words = text.split(separator: ",").map(String.init)
        guard !words.isEmpty, words.allSatisfy({ $0 == "api" || $0 == "worker" }) else {
            throw CommandError("--roles is api, worker or api,worker, not '\(text)'")
        }
        api = words.contains("api")
        worker = words.contains("worker")
    }
}
