import ArgumentParser

struct CrashPointsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crash-points", abstract: "Lists the points that ZIMAGE_CRASH_AT can name, for tests.",
        shouldDisplay: false)

    func run() async throws {
        Output.write(CrashPoints.all.sorted().joined(separator: "\n"))
    }
}
