public import Domain

/// A provider that was chosen for a picture, and on which terms.
public struct ChosenRoute: Sendable {
    /// The provider's number.
    public let id: Int32
    /// The provider.
    public let provider: any ImageProvider
    /// Its own name for the model.
    public let upstreamModel: String
    /// What a picture is expected to cost; nil when it bills nothing.
    public let cost: ProviderCost?
    /// Whether it bills nothing, so that a submit may be repeated elsewhere whatever became of it.
    public let billsNothing: Bool
    /// How long a job may stay without an answer, in seconds.
    public let deadlineSeconds: Double

    /// A route.
    public init(
        id: Int32, provider: any ImageProvider, upstreamModel: String, cost: ProviderCost?, billsNothing: Bool,
        deadlineSeconds: Double
    ) {
        self.id = id
        self.provider = provider
        self.upstreamModel = upstreamModel
        self.cost = cost
        self.billsNothing = billsNothing
        self.deadlineSeconds = deadlineSeconds
    }
}

/// Who serves a picture.
public enum RouteChoice: Sendable {
    /// The engine that is part of this program.
    case builtIn(any ImageProvider)
    case chosen(ChosenRoute)
    /// Nobody can now; seconds until it is worth looking again.
    case later(seconds: Double)
    /// No provider of the model does this.
    case never
}

/// Which provider serves a task. Test keys always get the sandbox; so does everybody while nothing else is configured.
public final class Routes: Sendable {
    private let sandbox: any ImageProvider

    /// - Parameter sandbox: the built-in engine.
    public init(sandbox: any ImageProvider) { self.sandbox = sandbox }

    /// Chooses a provider for a picture.
    /// - Parameter failed: those that tried it and failed.
    public func choose(
        model: String, mode: AccountMode, groupID: Int32, image: ImageRequest, without failed: Set<Int32> = []
    ) -> RouteChoice {
        sandbox.takes(image) ? .builtIn(sandbox) : .never
    }

    /// The provider of a submit that was made before, whether or not it would be chosen now; nil when it is not known here.
    public func route(_ submit: StoredSubmit, model: String) -> ChosenRoute? { nil }

    /// It answered as it should, after so many seconds.
    public func succeeded(_ id: Int32, seconds: Double) {}

    /// It did not do what it was asked, and that says something about it.
    public func failed(_ id: Int32, _ fault: ProviderFault) {}

    /// What became of a call says nothing about it.
    public func abandoned(_ id: Int32) {}

    /// It has as many jobs as it may.
    public func full(_ id: Int32) {}
}
