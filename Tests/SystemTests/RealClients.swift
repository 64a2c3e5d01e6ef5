import Foundation
import TestSupport

/// The real clients of customers, in an environment of Python that is made when it is missing.
enum RealClients {
    /// Runs a script of `Tests/Clients`; answers how it ended and what it said.
    static func run(_ script: String, _ arguments: [String], in site: Site) async throws -> Site.Outcome {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let output = "\(site.folder)/client-\(UUID().uuidString)"
        let installer = try Child(
            "\(RepositoryPaths.root)/ops/install-python", [], environment: ["PATH": path, "HOME": site.folder],
            errorPath: "\(output).err")
        guard await installer.ending() == .exited(0) else {
            throw TestFailure(try String(contentsOfFile: "\(output).err", encoding: .utf8))
        }
        let client = try Child(
            "\(RepositoryPaths.root)/.venv-test/bin/python", ["\(RepositoryPaths.root)/Tests/Clients/\(script)"] + arguments,
            environment: ["PATH": path], outputPath: "\(output).out", errorPath: "\(output).err")
        return Site.Outcome(
            ending: await client.ending(), output: try String(contentsOfFile: "\(output).out", encoding: .utf8),
            error: try String(contentsOfFile: "\(output).err", encoding: .utf8))
    }

    /// Whether the library `standardwebhooks` takes a callback for ours.
    static func verifies(_ seen: TLSCustomer.Seen, body: String? = nil, secret: String, in site: Site) async throws -> Bool {
        let given: [String: Any] = ["secret": secret, "headers": seen.headers, "body": body ?? seen.body]
        let file = "\(site.folder)/callback-\(UUID().uuidString).json"
        try JSONSerialization.data(withJSONObject: given).write(to: URL(fileURLWithPath: file))
        let outcome = try await run("verify_callback.py", [file], in: site)
        guard outcome.isSuccess || outcome.ending == .exited(3) else { throw TestFailure(outcome.error) }
        return outcome.isSuccess
    }
}
