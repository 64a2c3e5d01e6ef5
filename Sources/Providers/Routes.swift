public import Domain

/// Which provider serves a task. Test keys always get the sandbox; so does everybody while nothing else is configured.
public struct Routes: Sendable {
    private let sandbox: any ImageProvider

    /// - Parameter sandbox: the built-in engine.
    public init(sandbox: any ImageProvider) { self.sandbox = sandbox }

    /// The provider for a task.
    public func provider(model: String, mode: AccountMode) -> any ImageProvider { sandbox }
}
