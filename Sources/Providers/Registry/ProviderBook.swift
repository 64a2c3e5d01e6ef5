public import Crypto
public import Domain
import Foundation
public import Postgres

/// What an operator says about a provider.
public struct ProviderPlan: Sendable, Equatable {
    /// How it is reached, with its secret.
    public var settings: ProviderSettings
    /// Whether new jobs may be sent to it.
    public var isEnabled = true
    /// Jobs at once over all nodes; nil is no limit.
    public var maxRunning: Int?
    /// Submits per minute over all nodes; nil is no limit.
    public var requestsPerMinute: Int?
    /// How long a job may stay without an answer.
    public var deadlineSeconds = 600

    /// A provider without limits.
    public init(_ settings: ProviderSettings) { self.settings = settings }
}

/// A route as an operator names it. A nil figure is the one that the route has, or the usual one of a new route.
public struct RoutePlan: Sendable, Equatable {
    /// The model, by our name.
    public var model: String
    /// What is done; nil is every operation.
    public var operation: TaskOperation?
    /// The group's name; nil is every group without a route of its own.
    public var group: String?
    /// The provider's own name of the model; usually ours.
    public var upstreamModel: String?
    /// 1...1000; usually 1.
    public var priority: Int?
    /// 1...1000; usually 1.
    public var weight: Int?

    /// A route.
    public init(model: String, operation: TaskOperation? = nil, group: String? = nil) {
        self.model = model
        self.operation = operation
        self.group = group
    }
}

/// Why a provider or route cannot be changed.
public enum ProviderBookError: Error, Sendable, Equatable {
    /// There is one of that name.
    case duplicate
    /// There is none of that name.
    case unknownProvider
    /// There are ``ProviderBook/providersMax`` of them.
    case tooManyProviders
    /// There are ``ProviderBook/routesMax`` of them.
    case tooManyRoutes
    /// There is no such model; those that there are, at most 50.
    case unknownModel(known: [String])
    /// There is no such group.
    case unknownGroup
    /// There is no such route.
    case unknownRoute
}

/// Providers and routes in the database. Secrets lie there sealed.
public struct ProviderBook: Sendable {
    /// The most providers.
    public static let providersMax = 200
    /// The most routes.
    public static let routesMax = 5000

    private let seal: ProviderSeal

    /// - Parameter key: seals the secrets; the installation's for providers.
    public init(key: SymmetricKey) { seal = ProviderSeal(key: key) }

    /// Every provider with its routes, by name.
    /// - Returns: also the names of those that this version of the program does not understand.
    public func list(
        named name: String? = nil, in session: any Session
    ) async throws(PostgresError) -> (providers: [RoutedProvider], unread: [String]) {
        let rows = try await session.query(ProvidersStatements.list, [Parameter(name)]) { (row) throws(PostgresError) in
            try ProviderRow(row)
        }
        if rows.isEmpty { return ([], []) }
        let routes = try await session.query(ProvidersStatements.routes, []) { (row) throws(PostgresError) in
            (provider: Int32(try row.get(0, as: Int.self)), route: try Self.route(row))
        }
        var (providers, unread): ([RoutedProvider], [String]) = ([], [])
        for row in rows {
            guard var provider = row.provider(seal) else {
                unread.append(row.name)
                continue
            }
            provider.routes = routes.filter { $0.provider == provider.id }.map(\.route)
            providers.append(provider)
        }
        return (providers, unread)
    }

    /// One provider with its routes; nil when there is none of that name that this program understands.
    public func provider(_ name: String, in session: any Session) async throws(PostgresError) -> RoutedProvider? {
        try await list(named: name, in: session).providers.first
    }

    /// Throws ``ProviderBookError/unknownModel(known:)`` when there is no such model, whether somebody serves it or not.
    public func requireModel(_ name: String, in session: any Session) async throws { _ = try await modelID(name, in: session) }

    private func modelID(_ name: String, in session: any Session) async throws -> Int32 {
        let models = try await session.query(ProvidersStatements.models, [Parameter(name)]) { (row) throws(PostgresError) in
            (id: Int32(try row.get(0, as: Int.self)), name: try row.get(1, as: String.self))
        }
        guard let model = models.first, model.name == name else {
            throw ProviderBookError.unknownModel(known: models.map(\.name))
        }
        return model.id
    }

    private static func route(_ row: Row) throws(PostgresError) -> ProviderRoute {
        let group: ProviderGroup? = if let id = try row.get(3, as: Int?.self) {
            ProviderGroup(id: Int32(id), name: try row.get(4))
        } else { nil }
        return ProviderRoute(
            model: try row.get(1), operation: try row.get(2, as: String?.self).flatMap(TaskOperation.init(rawValue:)),
            group: group, upstreamModel: try row.get(5), priority: try row.get(6), weight: try row.get(7))
    }

    /// Adds a provider without routes.
    /// - Returns: its number.
    @discardableResult
    public func add(_ plan: ProviderPlan, in transaction: Transaction) async throws -> Int32 {
        try await transaction.execute(ProvidersStatements.lock)
        let counts = try await counts(in: transaction)
        guard counts.providers < Self.providersMax else { throw ProviderBookError.tooManyProviders }
        let settings = plan.settings
        let id = try await transaction.first(
            ProvidersStatements.add,
            [Parameter(settings.name), Parameter(settings.kind.rawValue)]
                + values(plan, sealed: try settings.secret.map { try seal.sealed($0, for: settings.name) })
        ) { (row) throws(PostgresError) in Int32(try row.get(0, as: Int.self)) }
        guard let id else { throw ProviderBookError.duplicate }
        return id
    }

    /// What becomes of a secret.
    public enum SecretChange: Sendable, Equatable {
        case keep, remove
        /// The new one.
        case set(String)
    }

    /// Changes a provider. Its name and kind stay.
    /// - Parameters:
    ///   - secret: the only way to change it; what `edit` makes of it is ignored.
    /// - Returns: what holds now.
    @discardableResult
    public func change(
        _ name: String, secret: SecretChange = .keep, in transaction: Transaction,
        _ edit: @Sendable (inout ProviderPlan) throws -> Void = { _ in }
    ) async throws -> ProviderPlan {
        // First of all, as everywhere: routes may be set in the same transaction.
        try await transaction.execute(ProvidersStatements.lock)
        let found = try await transaction.first(ProvidersStatements.find, [Parameter(name)]) { (row) throws(PostgresError) in
            try ProviderRow(row)
        }
        guard let found, let old = found.provider(seal) else { throw ProviderBookError.unknownProvider }
        var plan = ProviderPlan(old.settings)
        plan.isEnabled = old.isEnabled
        plan.maxRunning = old.maxRunning
        plan.requestsPerMinute = old.requestsPerMinute
        plan.deadlineSeconds = old.deadlineSeconds
        try edit(&plan)
        plan.settings.name = name
        plan.settings.kind = old.settings.kind
        let sealed: [UInt8]?
        switch secret {
        // Not opened and sealed again: one that does not open stays for the day when it does.
        case .keep: sealed = found.sealed
        case .remove: sealed = nil
        case .set(let text): sealed = try seal.sealed(text, for: name)
        }
        try await transaction.execute(ProvidersStatements.update, [Parameter(name)] + values(plan, sealed: sealed))
        return plan
    }

    /// From the engine on, as both statements have them.
    private func values(_ plan: ProviderPlan, sealed: [UInt8]?) -> [Parameter] {
        let settings = plan.settings
        return [
            Parameter(settings.engine?.rawValue), Parameter(settings.baseURL), Parameter(sealed.map { Bytes($0) }),
            Parameter(settings.allowsPrivate), Parameter(plan.isEnabled), Parameter(settings.cost?.micro),
            Parameter(settings.cost?.currency), Parameter(plan.maxRunning.map(Int32.init)),
            Parameter(plan.requestsPerMinute.map(Int32.init)), Parameter(Int32(settings.timeoutSeconds)),
            Parameter(Int32(plan.deadlineSeconds)),
        ]
    }

    private func counts(in session: any Session) async throws(PostgresError) -> (providers: Int, routes: Int) {
        try await session.one(ProvidersStatements.counts) { (row) throws(PostgresError) in
            (providers: try row.get(0), routes: try row.get(1))
        }
    }

    /// What stands for a secret where commands are compared: tells nothing about it without the installation's secret.
    public func digest(_ secret: String) -> String {
        HMAC<SHA256>.authenticationCode(for: Data(secret.utf8), using: seal.key).prefix(16)
            .map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
    }
}

extension ProviderBook {
    /// Sets a route; what is nil stays.
    /// - Returns: the route as it is now.
    @discardableResult
    public func setRoute(_ plan: RoutePlan, of provider: String, in transaction: Transaction) async throws -> ProviderRoute {
        try await transaction.execute(ProvidersStatements.lock)
        let key = try await key(plan, provider, in: transaction)
        guard try await counts(in: transaction).routes < Self.routesMax else { throw ProviderBookError.tooManyRoutes }
        return try await transaction.one(
            ProvidersStatements.setRoute,
            key.parameters + [
                Parameter(plan.upstreamModel), Parameter(plan.priority.map(Int32.init)), Parameter(plan.weight.map(Int32.init)),
                Parameter(plan.model),
            ]
        ) { (row) throws(PostgresError) in try key.route(plan, row) }
    }

    /// Removes a route.
    /// - Returns: the route as it was.
    @discardableResult
    public func removeRoute(_ plan: RoutePlan, of provider: String, in transaction: Transaction) async throws -> ProviderRoute {
        let key = try await key(plan, provider, in: transaction)
        let removed = try await transaction.first(ProvidersStatements.removeRoute, key.parameters) {
            (row) throws(PostgresError) in try key.route(plan, row)
        }
        guard let removed else { throw ProviderBookError.unknownRoute }
        return removed
    }

    private struct RouteKey: Sendable {
        let provider: Int32
        let model: Int32
        let operation: TaskOperation?
        let group: ProviderGroup?

        var parameters: [Parameter] {
            [Parameter(provider), Parameter(model), Parameter(operation?.rawValue), Parameter(group?.id)]
        }

        func route(_ plan: RoutePlan, _ row: Row) throws(PostgresError) -> ProviderRoute {
            ProviderRoute(
                model: plan.model, operation: operation, group: group, upstreamModel: try row.get(0), priority: try row.get(1),
                weight: try row.get(2))
        }
    }

    private func key(_ plan: RoutePlan, _ provider: String, in transaction: Transaction) async throws -> RouteKey {
        let found = try await transaction.first(ProvidersStatements.find, [Parameter(provider)]) {
            (row) throws(PostgresError) in try ProviderRow(row).id
        }
        guard let found else { throw ProviderBookError.unknownProvider }
        let model = try await modelID(plan.model, in: transaction)
        var group: ProviderGroup?
        if let name = plan.group {
            let id = try await transaction.first(ProvidersStatements.group, [Parameter(name)]) { (row) throws(PostgresError) in
                Int32(try row.get(0, as: Int.self))
            }
            guard let id else { throw ProviderBookError.unknownGroup }
            group = ProviderGroup(id: id, name: name)
        }
        return RouteKey(provider: found, model: model, operation: plan.operation, group: group)
    }
}

/// A row of the table `providers`.
struct ProviderRow: Sendable {
    let id: Int32
    let name: String
    let sealed: [UInt8]?
    private let kind: String
    private let engine: String?
    private let baseURL: String
    private let allowsPrivate: Bool
    private let isEnabled: Bool
    private let cost: ProviderCost?
    private let maxRunning: Int?
    private let requestsPerMinute: Int?
    private let timeoutSeconds: Int
    private let deadlineSeconds: Int
    private let createdAt: Date

    init(_ row: Row) throws(PostgresError) {
        id = Int32(try row.get(0, as: Int.self))
        name = try row.get(1)
        kind = try row.get(2)
        engine = try row.get(3)
        baseURL = try row.get(4)
        sealed = try row.get(5, as: Bytes?.self)?.array
        allowsPrivate = try row.get(6)
        isEnabled = try row.get(7)
        cost = if let micro = try row.get(8, as: Int64?.self) {
            ProviderCost(micro: micro, currency: try row.get(9))
        } else { nil }
        maxRunning = try row.get(10)
        requestsPerMinute = try row.get(11)
        timeoutSeconds = try row.get(12)
        deadlineSeconds = try row.get(13)
        createdAt = try row.get(14)
    }

    /// Without routes. Nil when this version of the program does not know its kind or engine.
    func provider(_ seal: ProviderSeal) -> RoutedProvider? {
        guard let kind = ProviderKind(rawValue: kind) else { return nil }
        let dialect = engine.flatMap(EngineDialect.init(rawValue:))
        guard (dialect == nil) == (engine == nil), dialect.map(kind.engines.contains) ?? !kind.needsEngine else { return nil }
        let secret = sealed.flatMap { seal.opened($0, for: name) }
        let settings = ProviderSettings(
            name: name, kind: kind, engine: dialect, baseURL: baseURL, secret: secret, allowsPrivate: allowsPrivate,
            cost: cost, timeoutSeconds: Double(timeoutSeconds))
        var fault: String?
        if sealed != nil, secret == nil {
            fault = "its secret was not sealed with this ZIMAGE_SECRET, or was changed: "
                + "give it again with `zadmin provider secret \(name)`"
        }
        var provider = RoutedProvider(
            id: id, settings: settings, isEnabled: isEnabled, maxRunning: maxRunning, requestsPerMinute: requestsPerMinute,
            deadlineSeconds: deadlineSeconds, createdAt: createdAt, fault: fault)
        provider.hasSecret = sealed != nil
        return provider
    }
}
