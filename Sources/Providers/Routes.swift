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

    init(_ routed: RoutedProvider, _ provider: any ImageProvider, upstreamModel: String) {
        id = routed.id
        self.provider = provider
        self.upstreamModel = upstreamModel
        cost = routed.settings.cost
        billsNothing = routed.settings.billsNothing
        deadlineSeconds = Double(routed.deadlineSeconds)
    }
}

/// Who serves a picture.
public enum RouteChoice: Sendable {
    /// The engine that is part of this program.
    case builtIn(any ImageProvider)
    case chosen(ChosenRoute)
    /// Nobody can now; seconds until it is worth looking again.
    case later(seconds: Double)
    /// All that could have tried it and failed.
    case exhausted
    /// No provider of the model does this.
    case never
}

/// Which provider serves a task. Test keys always get the sandbox; so does everybody while nothing else is configured for the
/// model. It remembers how each provider does, for this node.
public final class Routes: Sendable {
    private let sandbox: any ImageProvider
    private let snapshot: @Sendable () -> ProviderSnapshot
    private let health = ProviderHealthBook()
    private let now: @Sendable () -> ContinuousClock.Instant

    /// - Parameters:
    ///   - sandbox: the built-in engine.
    ///   - snapshot: the providers of the moment.
    ///   - now: the clock of what it remembers.
    public init(
        sandbox: any ImageProvider, snapshot: @escaping @Sendable () -> ProviderSnapshot = { ProviderSnapshot() },
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.sandbox = sandbox
        self.now = now
        self.snapshot = snapshot
    }

    /// Chooses a provider for a picture.
    /// - Parameter failed: those that tried it and failed.
    public func choose(
        model: String, mode: AccountMode, groupID: Int32, image: ImageRequest, without failed: Set<Int32> = []
    ) -> RouteChoice {
        guard mode == .live else { return builtIn(image) }
        let snapshot = snapshot()
        var generator = SystemRandomNumberGenerator()
        let choice = ProviderChoice(
            ProviderQuestion(model: model, groupID: groupID, image: image, refused: failed), snapshot,
            states: health.states(at: now()), using: &generator)
        switch choice.decision {
        case .sandbox: return builtIn(image)
        case .provider(let routed, let route):
            guard let provider = snapshot.caller(routed.id) else { return .later(seconds: 1) }
            return .chosen(ChosenRoute(routed, provider, upstreamModel: route.upstreamModel))
        case .wait(let seconds): return .later(seconds: seconds)
        case .exhausted: return .exhausted
        case .never: return .never
        }
    }

    private func builtIn(_ image: ImageRequest) -> RouteChoice { sandbox.takes(image) ? .builtIn(sandbox) : .never }

    /// The provider of a submit that was made before, whether or not it would be chosen now; nil when it is not known here.
    public func route(_ submit: StoredSubmit, model: String) -> ChosenRoute? {
        let snapshot = snapshot()
        guard let routed = snapshot.provider(submit.providerID), let provider = snapshot.caller(submit.providerID) else {
            return nil
        }
        let name = routed.routes.first { $0.model == model }?.upstreamModel ?? model
        return ChosenRoute(routed, provider, upstreamModel: name)
    }

    /// This moment, by the clock of what it remembers.
    public var moment: ContinuousClock.Instant { now() }

    /// Whether a job may be submitted now. Whoever may says by ``take(_:_:)`` what became of the submit.
    public func permission(_ id: Int32) -> SubmitPermission { health.permission(id, at: now()) }

    /// Something became of a job.
    public func take(_ id: Int32, _ event: ProviderEvent) { health.take(id, event, at: now()) }

    /// The providers of the moment and what is known of them.
    public var known: [(provider: RoutedProvider, state: ProviderState)] {
        let states = health.states(at: now())
        return snapshot().providers.map { ($0, states[$0.id] ?? ProviderState()) }
    }
}
