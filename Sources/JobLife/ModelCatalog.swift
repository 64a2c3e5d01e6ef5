public import Domain
public import Keys
public import Ledger
public import Postgres

/// Tells the holder of a key what it can order, and at which price.
public struct ModelCatalog: Sendable {
    /// A model that the key can use now.
    public struct Entry: Sendable {
        /// The model.
        public let model: UsableModel
        /// What it costs now, by operation and size; never empty.
        public let prices: [Price]
    }

    /// What one kind of request costs now.
    public struct Price: Sendable {
        /// What is done.
        public let operation: TaskOperation
        /// The tier of the picture's size.
        public let tier: SizeTier
        /// The price, and what is reserved under it.
        public let quote: Quote
    }

    private let pool: ConnectionPool

    /// - Parameter pool: where models and prices are read.
    public init(_ pool: ConnectionPool) { self.pool = pool }

    /// The models that a key may use and that have a price now.
    public func callAsFunction(keyID: Int64) async throws(PostgresError) -> [Entry] {
        let models = try await UsableModel.of(keyID: keyID, in: pool)
        guard let group = models.first?.group else { return [] }
        let requests = models.flatMap { model in
            TaskOperation.allCases.flatMap { operation in
                SizeTier.allCases.map { QuoteRequest(model: model.name, operation: operation, tier: $0) }
            }
        }
        let quotes = try await PriceLists().quotes(requests, group: group, in: pool)
        var prices: [String: [Price]] = [:]
        for (request, quote) in zip(requests, quotes) {
            guard let quote else { continue }
            prices[request.model, default: []].append(
                Price(operation: request.operation, tier: request.tier, quote: quote))
        }
        return models.compactMap { model in prices[model.name].map { Entry(model: model, prices: $0) } }
    }
}
