public import Crypto
public import Postgres
import Synchronization

/// Every provider at one moment, ready to be called.
public struct ProviderSnapshot: Sendable {
    /// By name, with their routes.
    public let providers: [RoutedProvider]
    private let built: [Int32: any ImageProvider]

    /// - Parameter make: makes what calls a provider.
    public init(_ providers: [RoutedProvider], make: (ProviderSettings) -> any ImageProvider) {
        self.init(providers, reusing: ProviderSnapshot(), make: make)
    }

    /// No provider at all.
    public init() {
        providers = []
        built = [:]
    }

    init(
        _ providers: [RoutedProvider], reusing old: ProviderSnapshot, make: (ProviderSettings) -> any ImageProvider
    ) {
        self.providers = providers
        let known = Dictionary(old.providers.map { ($0.id, $0.settings) }) { first, _ in first }
        var built: [Int32: any ImageProvider] = [:]
        for provider in providers {
            built[provider.id] = known[provider.id] == provider.settings ? old.built[provider.id] : nil
            if built[provider.id] == nil { built[provider.id] = make(provider.settings) }
        }
        self.built = built
    }

    /// A provider by its number; nil when it was added after this moment.
    public func provider(_ id: Int32) -> RoutedProvider? { providers.first { $0.id == id } }

    /// A provider by its name.
    public func provider(named name: String) -> RoutedProvider? { providers.first { $0.name == name } }

    /// What calls a provider, also one that is disabled: jobs that it has are still asked for.
    public func caller(_ id: Int32) -> (any ImageProvider)? { built[id] }

    /// What is wrong with it, as sentences for the log.
    var troubles: [String] {
        providers.compactMap { provider in provider.fault.map { "the provider \(provider.name) cannot be used: \($0)" } }
    }
}

/// Providers and routes as this node knows them, at most a moment behind the database. While the database is away the last
/// known ones go on.
public final class ProviderWatch: Sendable {
    /// How often ``refresh()`` is called.
    public static let everySeconds = 2.0

    private struct State {
        var epoch: Int64?
        var snapshot = ProviderSnapshot()
        var troubles: Set<String> = []
    }

    private let session: any Session
    private let book: ProviderBook
    private let make: @Sendable (ProviderSettings) -> any ImageProvider
    private let state = Mutex(State())

    /// - Parameters:
    ///   - session: where providers are read.
    ///   - key: opens their secrets.
    ///   - make: makes what calls a provider, once for the same settings.
    public init(
        _ session: any Session, key: SymmetricKey, make: @escaping @Sendable (ProviderSettings) -> any ImageProvider
    ) {
        self.session = session
        book = ProviderBook(key: key)
        self.make = make
    }

    /// Reads providers and routes when they have changed. Called before the node serves, and then every
    /// ``everySeconds`` or when somebody tells that there is something new.
    /// - Returns: what is wrong and was not so before, as sentences for the log.
    @discardableResult
    public func refresh() async throws(PostgresError) -> [String] {
        // Before the tables: a change between the readings is found the next time.
        let epoch = try await session.one(ProvidersStatements.epoch) { (row) throws(PostgresError) in
            try row.get(0, as: Int64.self)
        }
        let old = state.withLock { $0 }
        guard old.epoch != epoch else { return [] }
        let (providers, unread) = try await book.list(in: session)
        let snapshot = ProviderSnapshot(providers, reusing: old.snapshot, make: make)
        let troubles = snapshot.troubles
            + unread.map { "the provider \($0) is left out: this version of the program does not know its kind or engine" }
        let isMine = state.withLock { state in
            // Somebody else may have read meanwhile, and maybe later.
            guard state.epoch == old.epoch else { return false }
            state = State(epoch: epoch, snapshot: snapshot, troubles: Set(troubles))
            return true
        }
        guard isMine else { return [] }
        return troubles.filter { !old.troubles.contains($0) }
    }

    /// The providers of the moment.
    public var snapshot: ProviderSnapshot { state.withLock(\.snapshot) }
}
