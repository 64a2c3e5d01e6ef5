public import Domain
public import Foundation
public import Postgres

/// What an operator decides about a new key.
public struct KeyPlan: Sendable {
    /// The account's name.
    public var account: String
    /// Live or test.
    public var mode: AccountMode
    /// What people call it.
    public var name: String
    /// When it stops working; nil is never.
    public var expiresAt: Date?
    /// Requests per minute; narrows what the account may do.
    public var requestsPerMinute: Int?
    /// Requests at once; nil is as many as per minute.
    public var burst: Int?
    /// Models that it may use; nil is all of the account's.
    public var models: [String]?
    /// What it may do.
    public var rights = KeyRight.usual
    /// Where it may be used from; nil is everywhere.
    public var addresses: [String]?

    /// A key without limits of its own.
    public init(account: String, mode: AccountMode, name: String) {
        self.account = account
        self.mode = mode
        self.name = name
    }
}

/// What an operator may change about a key.
public struct KeyTerms: Sendable, Equatable {
    /// What it may do.
    public var rights = KeyRight.usual
    /// Models that it may use; nil is all of the account's.
    public var models: [String]?
    /// Where it may be used from; nil is everywhere.
    public var addresses: [String]?
    /// Requests per minute of its own.
    public var requestsPerMinute: Int?
    /// Requests at once of its own.
    public var burst: Int?

    init() {}
}

/// A key that was just made: the only moment at which its text exists.
public struct IssuedKey: Sendable {
    /// The key's number.
    public let id: Int64
    /// The whole text.
    public let text: String
    /// Live or test.
    public let mode: AccountMode
}

/// A key as lists show it.
public struct KeyListing: Sendable {
    /// The key's number.
    public let id: Int64
    /// The account's name.
    public let account: String
    /// `live` or `test`.
    public let mode: String
    /// What people call it.
    public let name: String
    /// The last four characters.
    public let hint: String
    /// When it was made.
    public let createdAt: Date
    /// When it stops working.
    public let expiresAt: Date?
    /// When it was withdrawn.
    public let revokedAt: Date?
    /// What its operator decided.
    public let terms: KeyTerms
    /// When it was last used, to the minute.
    public let lastUsedAt: Date?
    /// The key that took its place.
    public let rotatedTo: Int64?
}

/// Issues, lists and revokes keys.
public struct KeyIssuer: Sendable {
    private let secret: ServiceSecret
    private let argon2 = Argon2id(parallel: 1, waitingMax: 8)

    /// - Parameter secret: the installation's secret, which makes the tags.
    public init(secret: ServiceSecret) { self.secret = secret }

    /// Makes a key. Nil when there is no such account.
    public func issue(_ plan: KeyPlan, in session: any Session) async throws -> IssuedKey? {
        let key = KeyText.make(mode: plan.mode, tagKey: secret.key(for: .keyTag))
        let hash = try await argon2.hash(key.secret)
        let parameters = [
            Parameter(key.selector), Parameter(plan.account), Parameter(plan.mode.rawValue), Parameter(plan.name),
            Parameter(hash), Parameter(key.hint), Parameter(plan.expiresAt),
            Parameter(plan.requestsPerMinute.map(Int32.init)), Parameter(plan.burst.map(Int32.init)),
            Parameter(plan.models), Parameter(plan.rights.map(\.rawValue).sorted()), Parameter(plan.addresses),
        ]
        let id = try await session.first(KeysStatements.insert, parameters) { (row) throws(PostgresError) in
            try row.get(0, as: Int64.self)
        }
        return id.map { IssuedKey(id: $0, text: key.text, mode: plan.mode) }
    }

    /// Withdraws a key; it may be withdrawn again. False when there is no such key.
    public static func revoke(_ id: Int64, in session: any Session) async throws(PostgresError) -> Bool {
        let found = try await session.first(KeysStatements.revoke, [Parameter(id)]) { (row) throws(PostgresError) in
            try row.get(0, as: String.self)
        }
        return found != nil
    }

    /// Makes a key that takes the place of another, with the same rights, limits and date; the old one works until the
    /// overlap is over. Nil when the other one is not there, does not work any more, or was replaced before.
    public func rotate(_ id: Int64, overlapSeconds: Int64, in transaction: Transaction) async throws -> IssuedKey? {
        guard let old = try await Self.list(id: id, in: transaction).first,
            let mode = AccountMode(rawValue: old.mode)
        else { return nil }
        let key = KeyText.make(mode: mode, tagKey: secret.key(for: .keyTag))
        let hash = try await argon2.hash(key.secret)
        let parameters = [
            Parameter(id), Parameter(key.selector), Parameter(hash), Parameter(key.hint), Parameter(overlapSeconds),
        ]
        let made = try await transaction.one(KeysStatements.rotate, parameters) { (row) throws(PostgresError) in
            try row.get(0, as: Int64?.self)
        }
        return made.map { IssuedKey(id: $0, text: key.text, mode: mode) }
    }

    /// Changes what a key may do; answers what holds now, or nil when there is no such key.
    public static func update(
        _ id: Int64, in transaction: Transaction, _ change: @Sendable (inout KeyTerms) throws -> Void
    ) async throws -> KeyTerms? {
        guard var terms = try await list(id: id, in: transaction).first?.terms else { return nil }
        try change(&terms)
        let parameters = [
            Parameter(id), Parameter(terms.rights.map(\.rawValue).sorted()), Parameter(terms.models),
            Parameter(terms.addresses), Parameter(terms.requestsPerMinute.map(Int32.init)),
            Parameter(terms.burst.map(Int32.init)),
        ]
        try await transaction.execute(KeysStatements.update, parameters)
        return terms
    }

    /// The keys of an account, one key, or all; at most a thousand.
    public static func list(
        account: String? = nil, id: Int64? = nil, in session: any Session
    ) async throws(PostgresError) -> [KeyListing] {
        try await session.query(KeysStatements.list, [Parameter(account), Parameter(id)]) { (row) throws(PostgresError) in
            var terms = KeyTerms()
            terms.requestsPerMinute = try row.get(8)
            terms.burst = try row.get(9)
            terms.rights = try KeysStatements.rights(row, 10)
            terms.models = KeysStatements.words(try row.get(11))
            terms.addresses = KeysStatements.words(try row.get(12))
            return KeyListing(
                id: try row.get(0), account: try row.get(1), mode: try row.get(2), name: try row.get(3),
                hint: try row.get(4), createdAt: try row.get(5), expiresAt: try row.get(6), revokedAt: try row.get(7),
                terms: terms, lastUsedAt: try row.get(13), rotatedTo: try row.get(14))
        }
    }
}
