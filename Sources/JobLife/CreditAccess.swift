public import Domain
public import Ledger
public import Postgres

/// What a customer may do with the credits of their own wallet.
public struct CreditAccess: Sendable {
    /// What a customer has, and under which caps.
    public struct Standing: Sendable {
        /// The wallet.
        public let balance: Balance
        /// Grants with a date of which something is left.
        public let expiring: [ExpiringGrant]
        /// The caps of the key and the account. The group's is everybody's, and so nobody's to see.
        public let quotas: [QuotaListing]

        /// What the key may still reserve.
        public var keyRemaining: Credits { quotas.map(\.left).reduce(balance.available, min) }

        /// What the key has used in the longest window that is counted for it.
        public var keyUsed: Credits { quotas.filter { $0.scope == .key }.map(\.used).max() ?? .zero }
    }

    /// How many entries a page of the history has at most.
    public static let pageMax = CreditBook.historyMax

    private let pool: ConnectionPool
    private let codes: RedemptionCodes
    private let book = CreditBook()

    /// - Parameters:
    ///   - pool: where credits are read and codes redeemed.
    ///   - codes: finds codes.
    public init(_ pool: ConnectionPool, codes: RedemptionCodes) {
        self.pool = pool
        self.codes = codes
    }

    /// What the holder of a key has.
    public func own(keyID: Int64, walletID: Int64) async throws(PostgresError) -> Standing {
        Standing(
            balance: try await book.balance(walletID: walletID, in: pool),
            expiring: try await book.expiringGrants(walletID: walletID, in: pool),
            quotas: try await Quotas().of(keyID: keyID, in: pool).filter { $0.scope != .group })
    }

    /// The newest entries of a wallet, older than the given one.
    public func history(walletID: Int64, before: Int64?) async throws(PostgresError) -> [EntryLine] {
        try await book.history(walletID: walletID, before: before, in: pool)
    }

    /// Turns a code into credits of a wallet.
    public func redeem(_ code: RedemptionCode, walletID: Int64) async throws(PostgresError) -> Redemption {
        try await codes.redeem(code, walletID: walletID, actor: "customer", in: pool)
    }
}
