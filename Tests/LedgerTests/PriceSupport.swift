import Domain
import Foundation
import Ledger
import Postgres
import TestSupport

let testAuthor = PriceAuthor(actor: "tester", reason: "a test")

/// A moment some hours from the start of the next hour: far enough from now that no test takes as long.
struct HourLine {
    let base = Date(timeIntervalSinceReferenceDate: (Date().timeIntervalSinceReferenceDate / 3600).rounded(.up) * 3600 + 3600)

    func callAsFunction(_ hours: Int) -> Date { base.addingTimeInterval(Double(hours) * 3600) }
}

extension PriceScope {
    /// Of the model that is always there.
    static func generate(_ tier: SizeTier? = nil) -> PriceScope {
        PriceScope(model: "z-image-turbo", operation: .generate, tier: tier)
    }
}

extension PriceTerms {
    static func perCall(_ micro: Int64) throws -> PriceTerms {
        try PriceTerms(rule: .perCall, amount: Credits(micro: micro), unitsMax: 1)
    }
}

extension TestDatabase {
    /// Sets a price as `zadmin price set` does; nil is now.
    @discardableResult
    func set(
        _ terms: PriceTerms, for scope: PriceScope = .generate(), from: Date? = nil, group: String = "default",
        by author: PriceAuthor = testAuthor
    ) async throws -> SetPrice {
        let plan = PricePlan(scope: scope, terms: terms, from: from)
        let set = try await pool.transaction {
            try await PriceLists().set([plan], group: group, by: author, in: $0)
        }
        guard let set = set?.first else { throw TestFailure("no group \(group) or no model \(scope.model)") }
        return set
    }

    /// Loads a list as `zadmin price load` does.
    @discardableResult
    func load(_ rows: [PriceRow<Date>], group: String = "default") async throws -> [SetPrice] {
        let set = try await pool.transaction {
            try await PriceLists().load(rows, group: group, by: testAuthor, in: $0)
        }
        guard let set else { throw TestFailure("no group \(group)") }
        return set
    }

    @discardableResult
    func withdraw(_ version: Int64) async throws -> PriceListing {
        try await pool.transaction { try await PriceLists().withdraw(version, by: testAuthor, in: $0) }
    }

    /// The versions of a group, the latest first.
    func prices(group: String = "default", at: Date? = nil) async throws -> [PriceListing] {
        var filter = PriceFilter()
        filter.group = group
        filter.at = at
        return try await PriceLists().list(filter, in: pool)
    }
}
