public import Domain
public import Foundation

/// Who is calling: what a verified key stands for.
public struct Caller: Sendable, Equatable {
    /// The key's number.
    public let keyID: Int64
    /// The account that the key belongs to.
    public let accountID: Int64
    /// The wallet that its jobs are paid from.
    public let walletID: Int64
    /// Live or test.
    public let mode: AccountMode
    /// When the key stops working.
    public let expiresAt: Date?
    /// What it may do.
    public let rights: Set<KeyRight>
    /// Where it may be used from; nil is everywhere.
    public let addresses: AddressList?
    /// Whether a limit on requests per minute applies to all of its submits.
    public let isRateLimited: Bool

    /// Throws unless the key may do this from there. A key that is tied to addresses is refused where nobody can say whose
    /// request it is.
    public func check(_ right: KeyRight, from address: @autoclosure () -> IPAddress?) throws(KeyError) {
        if let addresses {
            guard let address = address(), addresses.contains(address) else { throw .addressForbidden }
        }
        guard rights.contains(right) else { throw .rightMissing(right) }
    }
}

/// A row of `api_keys` as the verifier needs it.
struct StoredKey: Sendable {
    let caller: Caller
    let hash: String
    let revokedAt: Date?
    let suspendedAt: Date?

    /// The caller, or why the key opens nothing now.
    func caller(at now: Date) throws(KeyError) -> Caller {
        if let revokedAt, revokedAt <= now { throw .revoked }
        if let expiresAt = caller.expiresAt, expiresAt <= now { throw .expired }
        if suspendedAt != nil { throw .accountSuspended }
        return caller
    }
}
