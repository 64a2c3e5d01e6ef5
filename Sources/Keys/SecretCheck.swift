public import Postgres

/// The database belongs to another secret than the one that this program was given.
public struct WrongSecret: Error, CustomStringConvertible {
    public let description =
        "this database was set up with another secret: give the same ZIMAGE_SECRET, "
        + "or the ZIMAGE_DATA folder whose file 'secret' it was made with"
}

/// Ties a database to the installation's secret at first use, and refuses another one ever after: its keys, task ids and
/// links would not fit.
public struct SecretCheck: Sendable {
    /// The check has no state.
    public init() {}

    /// Remembers the secret's fingerprint, or compares it.
    public func callAsFunction(_ secret: ServiceSecret, in session: any Session) async throws {
        let fingerprint = secret.bytes(for: .fingerprint).prefix(16)
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        try await session.execute(KeysStatements.rememberSecret, [Parameter(fingerprint)])
        let stored = try await session.one(KeysStatements.storedSecret) { (row) throws(PostgresError) in
            try row.get(0, as: String.self)
        }
        guard stored == fingerprint else { throw WrongSecret() }
    }
}
