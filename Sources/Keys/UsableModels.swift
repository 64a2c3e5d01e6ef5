public import Postgres

/// A model that a key may use.
public struct UsableModel: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// What a customer is told to expect, in seconds.
    public let estimatedSeconds: Int
    /// The user group whose prices hold for the key.
    public let group: String

    /// The models that neither the key nor its group excludes, by name, at most 1000.
    public static func of(keyID: Int64, in session: any Session) async throws(PostgresError) -> [UsableModel] {
        try await session.query(KeysStatements.usableModels, [Parameter(keyID)]) { (row) throws(PostgresError) in
            UsableModel(name: try row.get(0), estimatedSeconds: try row.get(1), group: try row.get(2))
        }
    }
}
