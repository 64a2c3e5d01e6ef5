import Crypto
public import Foundation
public import Postgres

/// A secret that an account shares with us: it signs the account's callbacks, as Standard Webhooks 1.0 describes.
public struct CallbackSecret: Sendable {
    static let byteCount = 32

    /// Its number; a newer one has a larger one.
    public let id: Int64
    /// When it no longer signs; nil for the present one.
    public let endsAt: Date?
    private let bytes: [UInt8]

    init(id: Int64, endsAt: Date?, bytes: [UInt8]) {
        self.id = id
        self.endsAt = endsAt
        self.bytes = bytes
    }

    /// The form in which the customer's library takes it.
    public var text: String { "whsec_" + Data(bytes).base64EncodedString() }

    /// The signature of a callback: one word of the header `webhook-signature`.
    public func signature(id: String, timestamp: String, body: [UInt8]) -> String {
        var code = HMAC<SHA256>(key: SymmetricKey(data: bytes))
        code.update(data: Data("\(id).\(timestamp).".utf8))
        code.update(data: body)
        return "v1," + Data(code.finalize()).base64EncodedString()
    }
}

/// A stored secret does not open with the installation's secret.
public struct CallbackSecretUnreadable: Error, CustomStringConvertible {
    /// The account that it belongs to.
    public let accountID: Int64

    public var description: String {
        "the callback secret of the account number \(accountID) was not sealed with this ZIMAGE_SECRET, or was changed: "
            + "restore it from a backup, or make a new one with `zadmin callback secret rotate --overlap 0`"
    }
}

/// The secrets of accounts' callbacks. In the database they lie sealed with AES-GCM, each for its account.
public struct CallbackSecrets: Sendable {
    private let key: SymmetricKey

    /// - Parameter secret: the installation's, from which the sealing key is derived.
    public init(secret: ServiceSecret) { key = secret.key(for: .callbackSecret) }

    /// The number of the account of that name, nil when there is none; locked until the transaction ends.
    public static func owner(_ account: String, in transaction: Transaction) async throws(PostgresError) -> Int64? {
        try await transaction.first(KeysStatements.callbackSecretOwner, [Parameter(account)]) { (row) throws(PostgresError) in
            try row.get(0)
        }
    }

    /// Those that sign now, the newest first: one, or two after a rotation. The first one is made when it is asked for.
    public func current(of accountID: Int64, in session: any Session) async throws -> [CallbackSecret] {
        let stored = try await read(accountID, in: session)
        if stored.contains(where: { $0.endsAt == nil }) { return stored }
        try await session.execute(
            KeysStatements.makeCallbackSecret, [Parameter(accountID), Parameter(Bytes(try sealed(for: accountID)))])
        // Another node may have been faster, and its secret counts.
        return try await read(accountID, in: session)
    }

    /// Makes a new secret. The one before it signs as well for the time of the overlap; one that was still in an overlap
    /// ends at once, so that there are never more than two.
    public func rotate(of accountID: Int64, overlapSeconds: Int, in transaction: Transaction) async throws {
        try await transaction.execute(
            KeysStatements.rotateCallbackSecret,
            [Parameter(accountID), Parameter(Bytes(try sealed(for: accountID))), Parameter(Int32(overlapSeconds))])
    }

    private func read(_ accountID: Int64, in session: any Session) async throws -> [CallbackSecret] {
        let rows = try await session.query(KeysStatements.callbackSecrets, [Parameter(accountID)]) {
            (row) throws(PostgresError) -> (id: Int64, sealed: [UInt8], endsAt: Date?) in
            (try row.get(0), try row.get(1, as: Bytes.self).array, try row.get(2))
        }
        return try rows.map {
            CallbackSecret(id: $0.id, endsAt: $0.endsAt, bytes: try opened($0.sealed, for: accountID))
        }
    }

    /// The account is sealed in, so that a row that is moved to another account does not open there.
    private func context(_ accountID: Int64) -> Data { Data("callback secret of account \(accountID)".utf8) }

    private func sealed(for accountID: Int64) throws -> [UInt8] {
        let bytes = SymmetricKey(size: SymmetricKeySize(bitCount: CallbackSecret.byteCount * 8)).withUnsafeBytes { Array($0) }
        let box = try AES.GCM.seal(bytes, using: key, authenticating: context(accountID))
        return Array(box.nonce) + Array(box.ciphertext) + Array(box.tag)
    }

    private func opened(_ sealed: [UInt8], for accountID: Int64) throws -> [UInt8] {
        guard let box = try? AES.GCM.SealedBox(combined: sealed),
            let bytes = try? AES.GCM.open(box, using: key, authenticating: context(accountID))
        else { throw CallbackSecretUnreadable(accountID: accountID) }
        return Array(bytes)
    }
}
