import Crypto
import Domain
import Postgres
import Providers
import TestSupport

/// A provider that can be chosen and is never asked.
struct ChoosableProvider: ImageProvider {
    let name: String
    var capabilities = ChoosableProvider.all

    static let all = Capabilities(operations: Set(TaskOperation.allCases), sizes: .sides(64...2048))

    private var fault: ProviderFault { ProviderFault(.away, "it is not there") }

    func submit(_ job: ProviderJob, progress: @escaping @Sendable (Int) -> Void) async -> SubmitAnswer { .refused(fault) }
    func poll(_ id: String) async -> PollAnswer { .missing }
    func cancel(_ id: String) async -> CancelAnswer { .tooLate }
    func fetch(_ link: String) async throws(ProviderFault) -> [UInt8] { throw fault }
    func test(model: String) async -> [ProviderCheck] { [] }
}

/// The registry in a database of its own.
struct Registry: Sendable {
    static let key = SymmetricKey(data: [UInt8](repeating: 7, count: 32))
    static let model = "z-image-turbo"

    let database: TestDatabase
    let book = ProviderBook(key: key)

    static func fresh() async throws -> Registry { Registry(database: try await TestDatabase.fresh(connectionsMax: 4)) }

    static func plan(_ name: String, secret: String? = "sk-first") -> ProviderPlan {
        ProviderPlan(
            ProviderSettings(
                name: name, kind: .novita, baseURL: "https://api.example.com", secret: secret,
                cost: ProviderCost(micro: 4200, currency: "USD"), timeoutSeconds: 45))
    }

    @discardableResult
    func add(_ plan: ProviderPlan) async throws -> Int32 {
        try await database.pool.transaction { try await book.add(plan, in: $0) }
    }

    @discardableResult
    func change(
        _ name: String, secret: ProviderBook.SecretChange = .keep,
        _ edit: @escaping @Sendable (inout ProviderPlan) throws -> Void = { _ in }
    ) async throws -> ProviderPlan {
        try await database.pool.transaction { try await book.change(name, secret: secret, in: $0, edit) }
    }

    @discardableResult
    func setRoute(_ plan: RoutePlan, of name: String) async throws -> ProviderRoute {
        try await database.pool.transaction { try await book.setRoute(plan, of: name, in: $0) }
    }

    func removeRoute(_ plan: RoutePlan, of name: String) async throws -> ProviderRoute {
        try await database.pool.transaction { try await book.removeRoute(plan, of: name, in: $0) }
    }

    func stored(_ name: String) async throws -> RoutedProvider? { try await book.provider(name, in: database.pool) }
}
