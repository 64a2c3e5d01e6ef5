public import Foundation
public import Postgres
import Synchronization

/// What a node says of a provider, for operators.
public struct ToldHealth: Sendable, Equatable {
    /// The node.
    public let node: String
    /// The provider's number.
    public let providerID: Int32
    /// Why the node sends it no jobs; nil when it does.
    public let rest: ProviderRest?
    /// What a picture takes there, in seconds; nil when the node has had none.
    public let latencySeconds: Double?
    /// Since when it does or does not.
    public let since: Date

    static let well = "well"

    /// What the nodes that are there say, by provider and node. One that has said nothing for a minute is taken for gone.
    public static func all(in session: any Session) async throws(PostgresError) -> [ToldHealth] {
        try await session.query(ProvidersStatements.health, []) { (row) throws(PostgresError) in
            let (kind, left): (String, Int64?) = (try row.get(2), try row.get(4))
            let rest: ProviderRest? = kind == well ? nil : ProviderRest(
                ProviderRest.Kind(rawValue: kind) ?? .failing, seconds: max(Double(left ?? 0) / 1000, 0),
                why: try row.get(3, as: String?.self) ?? "")
            return ToldHealth(
                node: try row.get(1), providerID: Int32(try row.get(0, as: Int.self)), rest: rest,
                latencySeconds: try row.get(5, as: Int64?.self).map { Double($0) / 1000 }, since: try row.get(6))
        }
    }

    /// What all nodes together say of each provider, with its load: one that every node leaves alone gets no jobs.
    public static func states(
        _ told: [ToldHealth], _ loads: [Int32: ProviderLoad]
    ) -> [Int32: ProviderState] {
        var states: [Int32: ProviderState] = [:]
        for (id, said) in Dictionary(grouping: told, by: \.providerID) {
            let resting = said.filter { $0.rest.map { $0.kind != .due } ?? false }
            var state = ProviderState(latencySeconds: said.compactMap(\.latencySeconds).max())
            if resting.count == said.count {
                // The first that looks again.
                state.rest = resting.compactMap(\.rest).min { $0.seconds < $1.seconds }
            } else if !resting.isEmpty {
                state.note = "left alone by \(resting.map(\.node).joined(separator: ", "))"
            } else {
                state.note = said.compactMap(\.rest).first?.why
            }
            states[id] = state
        }
        for (id, load) in loads {
            states[id, default: ProviderState()].running = load.running
            states[id, default: ProviderState()].limitedSeconds = load.limitedSeconds
        }
        return states
    }
}

/// What a provider has to do over all nodes at one moment, as its limits count it.
public struct ProviderLoad: Sendable, Equatable {
    /// Its jobs.
    public let running: Int
    /// How long it gets no more requests, in seconds.
    public let limitedSeconds: Double

    /// By the provider's number.
    public static func all(in session: any Session) async throws(PostgresError) -> [Int32: ProviderLoad] {
        let rows = try await session.query(ProvidersStatements.loads, []) { (row) throws(PostgresError) in
            (
                id: Int32(try row.get(0, as: Int.self)),
                load: ProviderLoad(running: try row.get(1), limitedSeconds: Double(try row.get(2, as: Int64.self)) / 1000)
            )
        }
        return Dictionary(rows.map { ($0.id, $0.load) }) { first, _ in first }
    }
}

/// Tells operators what this node knows of its providers. Jobs have no part in it.
public final class HealthTelling: Sendable {
    /// How often it is called.
    public static let everySeconds = 2.0
    /// How often it is told anew that nothing has changed.
    private static let renewSeconds = 15.0
    /// A rest that is shorter is told to nobody: limits make many of them.
    private static let briefSeconds = 5.0

    private struct State {
        var kinds: [Int32: ProviderRest.Kind?] = [:]
        var toldAt: ContinuousClock.Instant?
    }

    private let node: String
    private let routes: Routes
    private let session: any Session
    private let state = Mutex(State())

    /// - Parameters:
    ///   - node: this node's name.
    ///   - routes: knows how its providers do.
    ///   - session: where it is told.
    public init(node: String, routes: Routes, _ session: any Session) {
        self.node = String(node.prefix(200))
        self.routes = routes
        self.session = session
    }

    /// Tells what has changed, and now and then that nothing has.
    /// - Returns: what is news, as sentences for the log.
    @discardableResult
    public func callAsFunction(at now: ContinuousClock.Instant = .now) async throws(PostgresError) -> [String] {
        let known = routes.known.map { (provider: $0.provider, state: $0.state.told(atLeast: Self.briefSeconds)) }
        let kinds = Dictionary(known.map { ($0.provider.id, $0.state.rest?.kind) }) { first, _ in first }
        let old = state.withLock { $0 }
        let isDue = old.toldAt.map { now - $0 >= .seconds(Self.renewSeconds) } ?? true
        guard kinds != old.kinds || (isDue && !kinds.isEmpty) else { return [] }
        try await write(known)
        state.withLock { $0 = State(kinds: kinds, toldAt: now) }
        return known.compactMap { provider, state in
            let before = old.kinds[provider.id] ?? nil
            switch (before, state.rest) {
            case (nil, let rest?): return "the provider \(provider.name) is left alone: \(rest.text)"
            case (_?, nil): return "the provider \(provider.name) gets jobs again"
            default: return nil
            }
        }
    }

    /// This node ends: what it said holds no longer.
    public func end() async throws(PostgresError) {
        let old = state.withLock { state in
            defer { state = State() }
            return state
        }
        if old.toldAt != nil { try await write([]) }
    }

    private func write(_ known: [(provider: RoutedProvider, state: ProviderState)]) async throws(PostgresError) {
        func milliseconds(_ seconds: Double?) -> Int64? { seconds.map { Int64(min($0, 1_000_000) * 1000) } }
        let parameters = [
            Parameter(node), Parameter(known.map(\.provider.id)),
            Parameter(known.map { $0.state.rest?.kind.rawValue ?? ToldHealth.well }), Parameter(known.map(\.state.rest?.why)),
            Parameter(known.map { milliseconds($0.state.rest?.seconds) }),
            Parameter(known.map { milliseconds($0.state.latencySeconds) }),
        ]
        _ = try await session.query(ProvidersStatements.tellHealth, parameters) { (_) throws(PostgresError) in 0 }
    }
}

extension ProviderState {
    /// Without a rest that is over before anybody could act. One that has to show that it is back is not well yet.
    fileprivate func told(atLeast seconds: Double) -> ProviderState {
        if rest == nil, let note {
            return ProviderState(rest: ProviderRest(.due, seconds: 0, why: note), latencySeconds: latencySeconds)
        }
        guard let rest, rest.kind == .busy, rest.seconds < seconds else { return self }
        return ProviderState(latencySeconds: latencySeconds)
    }
}
