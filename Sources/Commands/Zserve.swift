public import ArgumentParser

/// The server.
public struct Zserve: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "zserve", abstract: "Serves the image API and works on its jobs.",
        subcommands: [Serve.self, Config.self, DatabaseCommand.self, Simulate.self, CrashPointsCommand.self],
        defaultSubcommand: Serve.self)

    /// Made by the argument parser.
    public init() {}
}
