public import Domain
public import Foundation
public import Postgres

/// Caps on the credits of a key, an account or a group.
public struct QuotaPlan: Sendable {
    /// Credits of a day; nil is no cap.
    public var daily: Credits?
    /// Credits of a month; nil is no cap.
    public var monthly: Credits?
    /// Where midnight is, as a name of the tz database.
    public var timeZone: String

    /// Both caps.
    public init(daily: Credits?, monthly: Credits?, timeZone: String) {
        self.daily = daily
        self.monthly = monthly
        self.timeZone = timeZone
    }
}

/// One cap with what is left of it.
public struct QuotaListing: Sendable {
    /// Whose it is.
    public let scope: QuotaScope
    /// The key's number, or the name of the account or group.
    public let subject: String
    /// Of which time.
    public let window: QuotaWindow
    /// The most credits of one window.
    public let cap: Credits
    /// What of it is reserved or spent.
    public let used: Credits
    /// Where midnight is.
    public let timeZone: String
    /// When the next window begins.
    public let resetsAt: Date

    /// What may still be reserved in this window.
    public var left: Credits { Credits(micro: max(0, cap.micro - used.micro)) }
}

/// Why a cap cannot be set.
public enum QuotaError: Error, CustomStringConvertible {
    case unknown(QuotaScope, String)
    case timeZone(String)

    public var description: String {
        switch self {
        case .unknown(let scope, let name):
            "there is no \(scope.rawValue) '\(name)': see `zadmin \(scope.rawValue) list`"
        case .timeZone(let name):
            "'\(name)' is not a time zone: write a name of the tz database such as Europe/Berlin or UTC"
        }
    }
}

/// Sets and shows caps. Admission counts them.
public struct Quotas: Sendable {
    /// The caps have no state here.
    public init() {}

    /// What is set now; nil when there is no cap.
    public func plan(
        _ scope: QuotaScope, _ subject: String, in session: any Session
    ) async throws -> QuotaPlan? {
        let id = try await self.id(scope, subject, session)
        return try await session.first(LedgerStatements.quota, [Parameter(scope.rawValue), Parameter(id)]) {
            (row) throws(PostgresError) in
            QuotaPlan(
                daily: try row.get(0, as: Int64?.self).map(Credits.init(micro:)),
                monthly: try row.get(1, as: Int64?.self).map(Credits.init(micro:)), timeZone: try row.get(2))
        }
    }

    /// Sets a cap, or lifts it when the plan has none. What the present day and month have used already counts.
    public func set(
        _ plan: QuotaPlan, _ scope: QuotaScope, _ subject: String, in transaction: Transaction
    ) async throws {
        let id = try await self.id(scope, subject, transaction)
        let known = try await transaction.one(LedgerStatements.timeZoneKnown, [Parameter(plan.timeZone)]) {
            (row) throws(PostgresError) in try row.get(0, as: Bool.self)
        }
        guard known else { throw QuotaError.timeZone(plan.timeZone) }
        try await transaction.execute(
            LedgerStatements.setQuota,
            [
                Parameter(scope.rawValue), Parameter(id), Parameter(plan.daily?.micro), Parameter(plan.monthly?.micro),
                Parameter(plan.timeZone),
            ])
    }

    /// The caps of one key, account or group, or all; at most a thousand.
    public func list(
        _ scope: QuotaScope?, _ subject: String?, in session: any Session
    ) async throws -> [QuotaListing] {
        var id: Int64?
        if let scope, let subject { id = try await self.id(scope, subject, session) }
        return try await list([Parameter(scope?.rawValue), Parameter(id), Parameter(Int64?.none)], session)
    }

    /// The caps that a key is under: its own, its account's and its group's.
    public func of(keyID: Int64, in session: any Session) async throws(PostgresError) -> [QuotaListing] {
        try await list([Parameter(String?.none), Parameter(Int64?.none), Parameter(keyID)], session)
    }

    private func list(_ parameters: [Parameter], _ session: any Session) async throws(PostgresError) -> [QuotaListing] {
        try await session.query(LedgerStatements.quotas, parameters) { (row) throws(PostgresError) in
            guard let scope = QuotaScope(rawValue: try row.get(0)), let window = QuotaWindow(rawValue: try row.get(2))
            else { throw PostgresError.unexpectedContent(of: "quotas.scope") }
            return QuotaListing(
                scope: scope, subject: try row.get(1), window: window, cap: Credits(micro: try row.get(3)),
                used: Credits(micro: try row.get(4)), timeZone: try row.get(5), resetsAt: try row.get(6))
        }
    }

    private func id(_ scope: QuotaScope, _ subject: String, _ session: any Session) async throws -> Int64 {
        let found = try await session.first(
            LedgerStatements.quotaSubject, [Parameter(scope.rawValue), Parameter(subject)]
        ) { (row) throws(PostgresError) in try row.get(0, as: Int64?.self) }
        guard let id = found ?? nil else { throw QuotaError.unknown(scope, subject) }
        return id
    }
}
