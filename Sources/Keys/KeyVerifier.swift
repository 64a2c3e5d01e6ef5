import Crypto
import Domain
public import Foundation
public import Postgres
import Synchronization

/// Turns the text of a key into a caller.
///
/// In the order of cost: shape and tag (a microsecond, no query), the cache of verified keys, the row by its selector,
/// and at last argon2id. The cache remembers only that a secret was right, under a keyed digest; what the key may do is
/// read again from its row whenever the authorization epoch has moved.
public final class KeyVerifier: Sendable {
    private struct Entry {
        let caller: Caller
        let epoch: Int64
    }

    private typealias Digest = HMAC<SHA256>.MAC

    /// A full cache is emptied: correctness does not depend on it.
    private static let entriesMax = 100_000

    private let session: any Session
    private let epochs: EpochWatch
    private let tagKey: SymmetricKey
    private let cacheKey: SymmetricKey
    private let argon2 = Argon2id(parallel: 2, waitingMax: 64)
    private let entries = Mutex<[[UInt8]: Entry]>([:])
    private let checks = Mutex<[[UInt8]: Task<Bool, any Error>]>([:])
    private let uses: KeyUses?
    private let now: @Sendable () -> Date

    /// - Parameters:
    ///   - session: where keys are looked up.
    ///   - epochs: says when to look again.
    ///   - secret: the installation's secret.
    ///   - uses: told of every use of a key.
    ///   - now: the clock for expiry dates.
    public init(
        _ session: any Session, epochs: EpochWatch, secret: ServiceSecret, uses: KeyUses? = nil,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.session = session
        self.epochs = epochs
        tagKey = secret.key(for: .keyTag)
        cacheKey = secret.key(for: .keyCache)
        self.uses = uses
        self.now = now
    }

    /// The caller that a key stands for.
    public func verify(_ text: String) async throws(KeyError) -> Caller {
        guard let key = KeyText(text, tagKey: tagKey) else { throw .invalid }
        let digest = Array(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: cacheKey))
        let epoch = try await epochs.current()
        let known = entries.withLock { $0[digest] }
        if let known, known.epoch == epoch {
            let at = now()
            if let expiresAt = known.caller.expiresAt, expiresAt <= at { throw .expired }
            uses?.note(known.caller.keyID, at)
            return known.caller
        }
        guard let stored = try await find(key.selector) else { throw .invalid }
        if known == nil, try await !isRight(key, digest, hash: stored.hash) { throw .invalid }
        let at = now()
        let caller = try stored.caller(at: at)
        uses?.note(caller.keyID, at)
        entries.withLock { entries in
            if entries.count >= Self.entriesMax { entries.removeAll() }
            // The epoch was read before the row, so a change in between makes the entry stale, never too fresh.
            entries[digest] = Entry(caller: caller, epoch: epoch)
        }
        return caller
    }

    private func find(_ selector: String) async throws(KeyError) -> StoredKey? {
        do {
            return try await session.first(KeysStatements.find, [Parameter(selector)]) { (row) throws(PostgresError) in
                StoredKey(
                    caller: Caller(
                        keyID: try row.get(0), accountID: try row.get(1), walletID: try row.get(2),
                        mode: AccountMode(rawValue: try row.get(3)) ?? .test, expiresAt: try row.get(4),
                        rights: try KeysStatements.rights(row, 8), addresses: try KeysStatements.addresses(row, 9),
                        isRateLimited: try row.get(10)),
                    hash: try row.get(5), revokedAt: try row.get(6), suspendedAt: try row.get(7))
            }
        } catch {
            throw .unavailable
        }
    }

    /// One check per key at a time: a burst of calls with a new key shares the first one's.
    private func isRight(_ key: KeyText, _ digest: [UInt8], hash: String) async throws(KeyError) -> Bool {
        let check = checks.withLock { checks in
            if let running = checks[digest] { return running }
            // Unstructured on purpose: the check outlives a caller that hangs up, because others wait for it too.
            let check = Task<Bool, any Error> { [argon2] in try await argon2.verify(key.secret, hash) }
            checks[digest] = check
            return check
        }
        defer { _ = checks.withLock { $0.removeValue(forKey: digest) } }
        do { return try await check.value } catch let error as KeyError { throw error } catch { throw .busy }
    }
}
