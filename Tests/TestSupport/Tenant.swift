public import Admission
public import Domain
import Foundation
public import Keys
import Ledger
import Postgres

/// An account with a key and credits, made the way an operator makes them.
public struct Tenant: Sendable {
    /// The account's name.
    public let name: String
    /// The key's number.
    public let keyID: Int64
    /// The key's text.
    public let keyText: String
    /// The account's number.
    public let accountID: Int64
    /// The wallet that the key pays from.
    public let walletID: Int64
    /// Live or test.
    public let mode: AccountMode

    /// The secret of test installations.
    public static let secret = ServiceSecret(hex: String(repeating: "5a", count: 32))!

    /// Makes an account in a group that exists.
    public static func make(
        _ database: TestDatabase, name: String = "acme", group: String = "default", credits: String = "1",
        mode: AccountMode = .live, requestsPerMinute: Int? = nil, burst: Int? = nil
    ) async throws -> Tenant {
        let pool = database.pool
        if try await Tenants().accounts(named: name, in: pool).isEmpty {
            guard try await Tenants().createAccount(name, group: group, actor: "test", in: pool) else {
                throw TestFailure("no group \(group)")
            }
            let amount = try Credits(decimal: credits)
            if amount > .zero {
                _ = try await pool.transaction { transaction in
                    try await CreditBook().grant(
                        amount, account: name, mode: .live, reason: "test", actor: "test", in: transaction)
                }
            }
        }
        var plan = KeyPlan(account: name, mode: mode, name: "test")
        plan.requestsPerMinute = requestsPerMinute
        plan.burst = burst
        guard let key = try await KeyIssuer(secret: secret).issue(plan, in: pool) else { throw TestFailure("no account") }
        let row = try await database.rows("select account_id, wallet_id from api_keys where id = \(key.id)")[0]
        guard let account = row[0].flatMap({ Int64($0) }), let wallet = row[1].flatMap({ Int64($0) }) else {
            throw TestFailure("no key \(key.id)")
        }
        return Tenant(
            name: name, keyID: key.id, keyText: key.text, accountID: account, walletID: wallet, mode: mode)
    }

    /// A request for a small picture.
    public func submission(
        prompt: String = "a cat", model: String = "z-image-turbo", idempotencyKey: String? = nil,
        fingerprint: [UInt8] = [1], callbackURL: String? = nil, inputs: ImageInputs? = nil
    ) -> Submission {
        let image = ImageRequest(
            prompt: prompt, sizeText: "376x376", size: ImageSize(width: 376, height: 376), seed: 7, format: .png,
            nsfwCheck: false, inputs: inputs)
        return Submission(
            keyID: keyID, walletID: walletID, model: model, operation: image.operation, dialect: "unified", image: image,
            callbackURL: callbackURL, idempotencyKey: idempotencyKey, fingerprint: fingerprint)
    }

    /// What the tenant has.
    public func balance(_ database: TestDatabase) async throws -> (available: Int64, reserved: Int64, settled: Int64) {
        let row = try await database.rows("select available, reserved, settled from wallets where id = \(walletID)")[0]
        let numbers = row.compactMap { $0.flatMap { Int64($0) } }
        return (numbers[0], numbers[1], numbers[2])
    }
}

/// Every drift of the ledger, as text; empty when it adds up.
public func ledgerDrift(_ database: TestDatabase) async throws -> [String] {
    try await database.pool.transaction(.readOnlySnapshot) { transaction in
        try await LedgerProof().run(in: transaction).map { "\($0.check): \($0.subject): \($0.finding)" }
    }
}
