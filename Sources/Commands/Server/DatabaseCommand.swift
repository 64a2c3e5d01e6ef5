import ArgumentParser
import Foundation
import Postgres

struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database", abstract: "The embedded PostgreSQL cluster of a data folder.",
        subcommands: [DatabaseStart.self, DatabaseStop.self, DatabaseURL.self])
}

struct DataFolderOptions: ParsableArguments {
    @Option(help: "The data folder; ZIMAGE_DATA when absent.") var data: String?

    func cluster() async throws -> EmbeddedCluster {
        let folder: String
        if let data {
            let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
            folder = URL(fileURLWithPath: data, relativeTo: here).standardizedFileURL.path
        } else {
            folder = try await Settings.read().dataFolder
        }
        return EmbeddedCluster(dataFolder: folder)
    }
}

struct DatabaseStart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Starts the cluster, keeps it running until `stop`, and prints its address.")

    @OptionGroup var options: DataFolderOptions

    func run() async throws {
        let cluster = try await options.cluster()
        try await OpenDatabase.onOwnThread { try cluster.start() }
        Output.write(cluster.url)
    }
}

struct DatabaseStop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "stop", abstract: "Stops the cluster.")

    @OptionGroup var options: DataFolderOptions

    func run() async throws {
        let cluster = try await options.cluster()
        try await OpenDatabase.onOwnThread { try cluster.stop() }
    }
}

struct DatabaseURL: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "url", abstract: "Prints the cluster's address.")

    @OptionGroup var options: DataFolderOptions

    func run() async throws {
        Output.write(try await options.cluster().url)
    }
}
