public import Domain
public import Foundation
public import Postgres

/// A request as far as its price goes.
public struct QuoteRequest: Sendable, Hashable {
    /// The model's name.
    public let model: String
    /// What is done.
    public let operation: TaskOperation
    /// The tier of the picture's size.
    public let tier: SizeTier
    /// When it is submitted; nil is now.
    public let at: Date?
    /// What it uses, to know what would be settled.
    public let units: Int?
    /// How many pictures it asks for.
    public let pictures: Int

    /// Describes a request.
    public init(model: String, operation: TaskOperation, tier: SizeTier, at: Date? = nil, units: Int? = nil, pictures: Int = 1) {
        self.model = model
        self.operation = operation
        self.tier = tier
        self.at = at
        self.units = units
        self.pictures = pictures
    }
}

/// What a request would cost, and by which version of which price.
public struct Quote: Sendable, Equatable {
    /// The version that a task would be pinned to.
    public let version: Int64
    /// Whose list it is in: the group's own or `default`'s.
    public let group: String
    /// What the version is for: a tier, or nil for every size.
    public let tier: SizeTier?
    /// The version's terms.
    public let terms: PriceTerms
    /// Since when it holds.
    public let from: Date
    /// What would be reserved: the most that it can cost.
    public let reserved: Credits
    /// What would be settled for the units of the request; nil when it named none.
    public let settled: Credits?
}

/// What a list changes for one kind of request at one moment.
public struct QuoteChange: Sendable, Equatable {
    /// The request.
    public let request: QuoteRequest
    /// What it costs as things stand; nil is refused for want of a price.
    public let before: Quote?
    /// What it costs with the list.
    public let after: Quote?
}

extension PriceLists {
    /// Prices requests of a group as admission would: both ask `price_in_force`.
    /// - Returns: a quote per request; nil where no price is in force, or where group or model are not known.
    public func quotes(
        _ requests: [QuoteRequest], group: String, in session: any Session
    ) async throws(PostgresError) -> [Quote?] {
        let parameters = [
            Parameter(group), Parameter(requests.map(\.model)), Parameter(requests.map(\.operation.rawValue)),
            Parameter(requests.map(\.tier.rawValue)), Parameter(requests.map(\.at)),
            Parameter(requests.map { $0.units.map { Int32(clamping: $0) } }),
            Parameter(requests.map { Int32(clamping: $0.pictures) }),
        ]
        let found = try await session.query(LedgerStatements.quotes, parameters) { (row) throws(PostgresError) in
            let settled: Int64? = try row.get(8)
            let tier: String? = try row.get(2)
            return (
                index: try row.get(9, as: Int.self) - 1,
                quote: Quote(
                    version: try row.get(0), group: try row.get(1), tier: tier.flatMap(SizeTier.init),
                    terms: try row.priceTerms(3), from: try row.get(6), reserved: Credits(micro: try row.get(7)),
                    settled: settled.map(Credits.init(micro:)))
            )
        }
        var quotes: [Quote?] = Array(repeating: nil, count: requests.count)
        for (index, quote) in found { quotes[index] = quote }
        return quotes
    }

    /// Loads a list and undoes it again: what each of its lines would change, at the moment from which it holds. A line for
    /// every size is shown for each tier, because a price for the tier itself comes before it.
    /// - Returns: changes by moment, model, operation and tier; nil when there is no such group.
    /// - Throws: what ``load(_:group:by:in:)`` throws.
    public func rehearse(
        _ rows: [PriceRow<Date>], group: String, by author: PriceAuthor, in pool: ConnectionPool
    ) async throws -> [QuoteChange]? {
        let requests = Set(
            rows.flatMap { row in
                (row.scope.tier.map { [$0] } ?? SizeTier.allCases).map {
                    QuoteRequest(model: row.scope.model, operation: row.scope.operation, tier: $0, at: row.from)
                }
            }
        ).sorted { $0.order < $1.order }
        do {
            return try await pool.transaction { transaction in
                let before = try await quotes(requests, group: group, in: transaction)
                guard try await load(rows, group: group, by: author, in: transaction) != nil else { return nil }
                let after = try await quotes(requests, group: group, in: transaction)
                throw Rehearsed(
                    changes: zip(requests, zip(before, after)).map {
                        QuoteChange(request: $0, before: $1.0, after: $1.1)
                    })
            }
        } catch let rehearsed as Rehearsed { return rehearsed.changes }
    }

    /// Rolls the rehearsal back and carries out what it showed.
    private struct Rehearsed: Error {
        let changes: [QuoteChange]
    }
}

extension QuoteRequest {
    fileprivate var order: (Date, String, String, String) {
        (at ?? .distantPast, model, operation.rawValue, tier.rawValue)
    }
}
