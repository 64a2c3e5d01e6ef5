public import Domain

/// What a provider is asked for: one picture.
public struct ProviderJob: Sendable {
    /// What to draw.
    public let image: ImageRequest
    /// The model's name.
    public let model: String
    /// The pictures to start from, in the size of the result; nil when the picture is drawn from the prompt alone.
    public let inputs: PreparedInputs?

    /// A job for a provider.
    public init(image: ImageRequest, model: String, inputs: PreparedInputs? = nil) {
        self.image = image
        self.model = model
        self.inputs = inputs
    }
}

/// What a provider made.
public struct ProviderResult: Sendable {
    /// The encoded picture, in the format that was asked for.
    public let bytes: [UInt8]
    /// Its size.
    public let size: ImageSize
    /// Seconds that were used, rounded up, for prices that count them.
    public let units: Int
    /// The provider's own id of the task, by which its invoice names it.
    public let providerTaskID: String?
    /// What the provider is expected to bill; nil when it bills nothing.
    public let cost: ProviderCost?

    /// A finished picture.
    public init(
        bytes: [UInt8], size: ImageSize, units: Int, providerTaskID: String? = nil, cost: ProviderCost? = nil
    ) {
        self.bytes = bytes
        self.size = size
        self.units = units
        self.providerTaskID = providerTaskID
        self.cost = cost
    }
}

/// Somebody who makes pictures. A hosted API, a GPU engine and the sandbox look the same from here.
public protocol ImageProvider: Sendable {
    /// The name in reports.
    var name: String { get }
    /// What it can do. It is never asked for anything else: a provider that ignores a mask makes a wrong picture and bills it.
    var operations: Set<TaskOperation> { get }
    /// Whether work under way can be stopped, so that nobody pays for it any more.
    var canCancel: Bool { get }
    /// Makes the picture, or says why the task fails. Cancellation throws `CancellationError` and leaves no trace.
    /// - Parameter progress: told how far the work is, in percent.
    func generate(
        _ job: ProviderJob, progress: @escaping @Sendable (Int) -> Void
    ) async throws -> ProviderResult
}

/// Which provider serves a task. Test keys always get the sandbox; so does everybody while nothing else is configured.
public struct Routes: Sendable {
    private let sandbox: any ImageProvider

    /// - Parameter sandbox: the built-in engine.
    public init(sandbox: any ImageProvider) { self.sandbox = sandbox }

    /// The provider for a task.
    public func provider(model: String, mode: AccountMode) -> any ImageProvider { sandbox }
}
