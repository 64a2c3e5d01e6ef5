public import Domain

/// A task that looks for a provider.
public struct ProviderQuestion: Sendable {
    /// The model, by our name.
    public var model: String
    /// The group of the account; nil where only routes for all groups count.
    public var groupID: Int32?
    /// What is to be drawn.
    public var image: ImageRequest
    /// Providers that have refused this task, by number.
    public var refused: Set<Int32>

    /// A task that nobody has refused yet.
    public init(model: String, groupID: Int32?, image: ImageRequest, refused: Set<Int32> = []) {
        self.model = model
        self.groupID = groupID
        self.image = image
        self.refused = refused
    }
}

/// Why a provider is asked or is not, for `zadmin provider explain`.
public struct ProviderReason: Sendable, Equatable {
    /// Its place.
    public enum Place: Sendable, Equatable {
        case chosen
        /// Asked when those before it refuse; the first is 1.
        case next(Int)
        case not
    }

    /// The provider.
    public let provider: RoutedProvider
    /// The route that counts for the task; nil when none of its routes does.
    public let route: ProviderRoute?
    /// Its place.
    public var place: Place
    /// In plain words.
    public var why: String
    /// What a picture takes there, in seconds; nil when it is not known.
    public let latencySeconds: Double?
}

/// Which provider a task goes to.
///
/// Routes for the task's group come before those for all groups: a group that has one for the model and operation uses only
/// such. Of a provider's routes one for the operation comes before one for all. Among providers that can be asked now the
/// lowest priority number is first; of the same priority those that take seeds come before those that do not, and otherwise
/// chance decides by weight. Nothing else does: cost and latency are only told.
public struct ProviderChoice: Sendable {
    /// What is to be done.
    public enum Decision: Sendable, Equatable {
        /// Nobody serves the model, so the built-in engine does.
        case sandbox
        /// Ask this one, under this route.
        case provider(RoutedProvider, ProviderRoute)
        /// Somebody could serve it, but not now; look again after so many seconds.
        case wait(seconds: Double)
        /// All that could serve it have refused it.
        case exhausted
        /// Nobody ever could; why.
        case never(String)
    }

    /// What is to be done.
    public let decision: Decision
    /// Every provider with a route for the model: first those that are asked, in that order.
    public let reasons: [ProviderReason]

    /// Decides.
    /// - Parameters:
    ///   - states: by the provider's number; one that is not there is well and idle.
    ///   - generator: decides where weights do.
    public init(
        _ question: ProviderQuestion, _ snapshot: ProviderSnapshot, states: [Int32: ProviderState],
        using generator: inout some RandomNumberGenerator
    ) {
        let serving = snapshot.providers.filter { $0.routes.contains { $0.model == question.model } }
        guard !serving.isEmpty else {
            decision = .sandbox
            reasons = []
            return
        }
        let routing = Routing(question, serving)
        var candidates: [Candidate] = []
        var others: [ProviderReason] = []
        var obstacles: [Obstacle] = []
        for provider in serving {
            let state = states[provider.id] ?? ProviderState()
            guard let route = routing.route(of: provider) else {
                others.append(
                    ProviderReason(
                        provider: provider, route: nil, place: .not, why: routing.reason(provider),
                        latencySeconds: state.latencySeconds))
                continue
            }
            let capabilities = snapshot.caller(provider.id)?.capabilities
            let obstacle = Obstacle.first(question, provider, capabilities, state)
            if let obstacle {
                obstacles.append(obstacle)
                others.append(
                    ProviderReason(
                        provider: provider, route: route, place: .not, why: obstacle.why, latencySeconds: state.latencySeconds))
            } else {
                candidates.append(
                    Candidate(
                        provider: provider, route: route, takesSeed: capabilities?.takesSeed ?? false,
                        latencySeconds: state.latencySeconds, note: state.note))
            }
        }
        let ordered = Candidate.ordered(candidates, using: &generator)
        reasons = ordered.enumerated().map { $0.element.reason(place: $0.offset, first: ordered[0]) } + others
        decision = ordered.first.map { .provider($0.provider, $0.route) } ?? Self.withoutCandidate(question, obstacles)
    }

    private static func withoutCandidate(_ question: ProviderQuestion, _ obstacles: [Obstacle]) -> Decision {
        let passing = obstacles.filter { $0.kind != .never }
        if passing.isEmpty {
            let operation = question.image.operation.rawValue
            guard let first = obstacles.first else { return .never("no route of \(question.model) is for \(operation)") }
            return .never("no provider of \(question.model) can serve it: \(first.why)")
        }
        let waits = passing.compactMap { obstacle -> Double? in
            guard case .now(let seconds) = obstacle.kind else { return nil }
            return seconds
        }
        return waits.min().map { .wait(seconds: min(max($0, 0.1), 30)) } ?? .exhausted
    }
}

/// Which of a provider's routes counts.
private struct Routing {
    private let question: ProviderQuestion
    private let isOwn: Bool

    init(_ question: ProviderQuestion, _ providers: [RoutedProvider]) {
        self.question = question
        isOwn = providers.contains { provider in
            provider.routes.contains { Self.fits($0, question) && $0.group != nil && $0.group?.id == question.groupID }
        }
    }

    private static func fits(_ route: ProviderRoute, _ question: ProviderQuestion) -> Bool {
        route.model == question.model && (route.operation == nil || route.operation == question.image.operation)
    }

    func route(of provider: RoutedProvider) -> ProviderRoute? {
        let fitting = provider.routes.filter {
            Self.fits($0, question) && (isOwn ? $0.group?.id == question.groupID : $0.group == nil)
        }
        return fitting.first { $0.operation != nil } ?? fitting.first
    }

    /// Why none of them does.
    func reason(_ provider: RoutedProvider) -> String {
        let fitting = provider.routes.filter { Self.fits($0, question) }
        if fitting.isEmpty {
            let operations = provider.routes.filter { $0.model == question.model }.compactMap { $0.operation?.rawValue }
            return "its routes are for \(Set(operations).sorted().joined(separator: " and ")) only"
        }
        if fitting.contains(where: { $0.group == nil }) { return "the group has routes of its own" }
        return "its routes are for the group \(Set(fitting.compactMap { $0.group?.name }).sorted().joined(separator: " and ")) only"
    }
}

/// What keeps a provider from being asked.
private struct Obstacle {
    enum Kind: Equatable {
        /// It cannot.
        case never
        /// It has refused this task.
        case refused
        /// It may be asked again after so many seconds.
        case now(Double)
    }

    let kind: Kind
    let why: String

    /// How often it is looked whether an operator has done something.
    private static let operatorSeconds = 5.0
    /// How often it is looked whether a job has ended.
    private static let roomSeconds = 0.5

    static func first(
        _ question: ProviderQuestion, _ provider: RoutedProvider, _ capabilities: Capabilities?, _ state: ProviderState
    ) -> Obstacle? {
        if let why = capabilities?.refusal(of: question.image) { return Obstacle(kind: .never, why: why) }
        if question.refused.contains(provider.id) { return Obstacle(kind: .refused, why: "it has refused this task") }
        if !provider.isEnabled { return Obstacle(kind: .now(operatorSeconds), why: "disabled") }
        if let fault = provider.fault { return Obstacle(kind: .now(operatorSeconds), why: fault) }
        if capabilities == nil { return Obstacle(kind: .now(operatorSeconds), why: "this node cannot call it") }
        if let rest = state.rest { return Obstacle(kind: .now(rest.seconds), why: rest.text) }
        if let most = provider.maxRunning, state.running >= most {
            return Obstacle(kind: .now(roomSeconds), why: "\(state.running) of \(most) jobs running")
        }
        if let most = provider.requestsPerMinute, state.limitedSeconds > 0 {
            return Obstacle(kind: .now(state.limitedSeconds), why: "its \(most) requests a minute are used up")
        }
        return nil
    }
}

/// A provider that can be asked now.
private struct Candidate {
    let provider: RoutedProvider
    let route: ProviderRoute
    let takesSeed: Bool
    let latencySeconds: Double?
    let note: String?

    private var rank: (Int, Int) { (route.priority, takesSeed ? 0 : 1) }

    /// In the order in which they are asked. Among equals each place is drawn by weight from those that are left.
    static func ordered(_ candidates: [Candidate], using generator: inout some RandomNumberGenerator) -> [Candidate] {
        // The same order of drawing, however the list came.
        var left = candidates.sorted {
            ($0.rank.0, $0.rank.1, $0.provider.id) < ($1.rank.0, $1.rank.1, $1.provider.id)
        }
        var ordered: [Candidate] = []
        while let first = left.first {
            let equals = left.prefix { $0.rank == first.rank }
            var draw = Int.random(in: 0..<equals.reduce(0) { $0 + $1.route.weight }, using: &generator)
            let index = equals.firstIndex { candidate in
                draw -= candidate.route.weight
                return draw < 0
            }
            ordered.append(left.remove(at: index ?? 0))
        }
        return ordered
    }

    func reason(place: Int, first: Candidate) -> ProviderReason {
        let why = if place == 0 {
            "priority \(route.priority), weight \(route.weight)"
        } else if route.priority != first.route.priority {
            "lower priority"
        } else if rank != first.rank {
            "same priority, but it takes no seed"
        } else {
            "same priority, by chance and weight"
        }
        return ProviderReason(
            provider: provider, route: route, place: place == 0 ? .chosen : .next(place),
            why: [why, note].compactMap(\.self).joined(separator: "; "),
            latencySeconds: latencySeconds)
    }
}
