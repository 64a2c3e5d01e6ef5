import Domain
import TestSupport

@testable import Moderation

/// The list that a fresh installation has.
enum BuiltInList {
    static func words() async throws -> [ModerationWord] {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        return try await WordBook().list(in: database.pool).map { listing in
            ModerationWord(
                try WordRule(listing.rule), try ModerationCategory(word: listing.category), try WordLevel(word: listing.level))
        }
    }
}
