import Foundation

/// Where things are in the checkout that the tests were built from.
public enum RepositoryPaths {
    /// The checkout.
    public static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    /// The numbered SQL files.
    public static let migrations = "\(root)/Migrations"
    /// The folder of the programs, beside the test bundle that is running.
    public static var programs: String {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().path
    }
}
