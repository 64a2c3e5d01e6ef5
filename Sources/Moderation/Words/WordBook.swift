public import Foundation
public import Postgres

/// A rule of the list as operators see it.
public struct WordListing: Sendable {
    /// Its number.
    public let id: Int64
    /// The rule as it was written.
    public let rule: String
    /// What it refuses.
    public let category: String
    /// When.
    public let level: String
    /// Whether the installation came with it.
    public let isBuiltIn: Bool
    /// When it was added.
    public let createdAt: Date
}

/// What became of an addition.
public enum WordAddition: Sendable, Equatable {
    /// The rule's number.
    case added(Int64)
    /// It was there.
    case duplicate
    /// The list is full.
    case full
}

/// The word list in the database.
public struct WordBook: Sendable {
    /// The book has no state.
    public init() {}

    /// Every rule in force.
    public func list(in session: any Session) async throws(PostgresError) -> [WordListing] {
        try await session.query(ModerationStatements.words, []) { (row) throws(PostgresError) in
            WordListing(
                id: try row.get(0), rule: try row.get(1), category: try row.get(2), level: try row.get(3),
                isBuiltIn: try row.get(4), createdAt: try row.get(5))
        }
    }

    /// Adds a rule.
    public func add(_ word: ModerationWord, in transaction: Transaction) async throws(PostgresError) -> WordAddition {
        try await transaction.execute(ModerationStatements.lock)
        let count = try await transaction.one(ModerationStatements.count) { (row) throws(PostgresError) in
            try row.get(0, as: Int.self)
        }
        guard count < WordMatcher.wordsMax else { return .full }
        let id = try await transaction.first(
            ModerationStatements.add,
            [Parameter(word.rule.text), Parameter(word.category.rawValue), Parameter(word.level.rawValue)]
        ) { (row) throws(PostgresError) in try row.get(0, as: Int64.self) }
        return id.map(WordAddition.added) ?? .duplicate
    }

    /// Withdraws a rule; nil when there is none of that number in force.
    public func remove(
        _ id: Int64, in session: any Session
    ) async throws(PostgresError) -> (category: String, level: String)? {
        try await session.first(ModerationStatements.remove, [Parameter(id)]) { (row) throws(PostgresError) in
            (category: try row.get(0), level: try row.get(1))
        }
    }
}
