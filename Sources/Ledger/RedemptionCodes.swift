public import Crypto
public import Domain
public import Foundation
public import Postgres

/// The text of a redemption code: `ZC-` and four groups of five letters and digits, 100 random bits. The letters are
/// those of Crockford's base 32, in which no two look alike.
public struct RedemptionCode: Sendable, Equatable {
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    private static let length = 20

    /// The code as people write it.
    public let text: String

    /// A new code.
    public static func make() -> RedemptionCode {
        var generator = SystemRandomNumberGenerator()
        let letters = (0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
        return RedemptionCode(letters)
    }

    /// Reads what somebody typed: case, spaces and hyphens do not matter, O is 0 and I and L are 1. Nil when it cannot be
    /// a code.
    public init?(_ typed: String) {
        guard typed.utf8.count <= 64 else { return nil }
        var letters = typed.uppercased().filter { $0 != "-" && $0 != " " }
        if letters.hasPrefix("ZC"), letters.count == Self.length + 2 { letters.removeFirst(2) }
        let plain = letters.map { letter -> Character in
            switch letter {
            case "O": "0"
            case "I", "L": "1"
            default: letter
            }
        }
        guard plain.count == Self.length, plain.allSatisfy(Self.alphabet.contains) else { return nil }
        self.init(plain)
    }

    private init(_ letters: [Character]) {
        let groups = stride(from: 0, to: Self.length, by: 5).map { String(letters[$0..<$0 + 5]) }
        text = "ZC-" + groups.joined(separator: "-")
    }

    /// Its last five characters.
    var hint: String { String(text.suffix(5)) }

    /// What the database knows of it.
    func digest(_ key: SymmetricKey) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key))
    }
}

/// What an operator decides about new codes.
public struct CodePlan: Sendable {
    /// What each is worth.
    public var amount: Credits
    /// When the codes stop working; nil is never.
    public var validUntil: Date?
    /// How many days the credits last after they were redeemed; nil is for ever.
    public var creditDays: Int?
    /// Only this account may redeem them; nil is any.
    public var account: String?

    /// Codes for anybody that never end.
    public init(amount: Credits) { self.amount = amount }
}

/// A code as lists show it.
public struct CodeListing: Sendable {
    /// Its number.
    public let id: Int64
    /// Its last characters.
    public let hint: String
    /// What it is worth.
    public let amount: Credits
    /// `open`, `redeemed`, `withdrawn` or `too_late`.
    public let state: String
    /// When it stops working.
    public let validUntil: Date?
    /// How many days its credits last.
    public let creditDays: Int?
    /// The only account that may redeem it.
    public let account: String?
    /// Who redeemed it.
    public let redeemedBy: String?
    /// When.
    public let redeemedAt: Date?
    /// Why it was made.
    public let reason: String
    /// When it was made.
    public let createdAt: Date
}

/// What became of an attempt to redeem a code.
public enum Redemption: Sendable, Equatable {
    /// It was turned into credits, now or earlier by the same account.
    case redeemed(amount: Credits, entryID: Int64, expiresAt: Date?, replayed: Bool)
    /// It is not a code of ours, or is for somebody else.
    case unknown
    /// Somebody else was first.
    case used
    /// The operator took it back.
    case withdrawn
    /// Its time is over.
    case tooLate
}

/// Codes that customers turn into credits, each once. Their texts are shown when they are made and kept nowhere.
public struct RedemptionCodes: Sendable {
    private let key: SymmetricKey

    /// - Parameter key: for the digests by which codes are found.
    public init(key: SymmetricKey) { self.key = key }

    /// Makes a code; nil when there is no such account.
    public func make(
        _ plan: CodePlan, reason: String, actor: String, in session: any Session
    ) async throws(PostgresError) -> (id: Int64, code: RedemptionCode)? {
        let code = RedemptionCode.make()
        let parameters = [
            Parameter(Bytes(code.digest(key))), Parameter(code.hint), Parameter(plan.amount.micro),
            Parameter(plan.validUntil), Parameter(plan.creditDays.map(Int32.init)), Parameter(plan.account),
            Parameter(reason), Parameter(actor),
        ]
        let id = try await session.first(LedgerStatements.makeCode, parameters) { (row) throws(PostgresError) in
            try row.get(0, as: Int64.self)
        }
        return id.map { ($0, code) }
    }

    /// Turns a code into credits of a wallet.
    public func redeem(
        _ code: RedemptionCode, walletID: Int64, actor: String, in session: any Session
    ) async throws(PostgresError) -> Redemption {
        let parameters = [Parameter(Bytes(code.digest(key))), Parameter(walletID), Parameter(actor)]
        return try await session.one(LedgerStatements.redeemCode, parameters) { (row) throws(PostgresError) in
            let verdict: String = try row.get(0)
            switch verdict {
            case "redeemed", "replayed":
                return .redeemed(
                    amount: Credits(micro: try row.get(1)), entryID: try row.get(2), expiresAt: try row.get(3),
                    replayed: verdict == "replayed")
            case "used": return .used
            case "withdrawn": return .withdrawn
            case "too_late": return .tooLate
            default: return .unknown
            }
        }
    }

    /// Takes back a code; false when there is none with that number that is still open.
    public static func withdraw(_ id: Int64, in session: any Session) async throws(PostgresError) -> Bool {
        try await session.one(LedgerStatements.withdrawCode, [Parameter(id)]) { (row) throws(PostgresError) in
            try row.get(0, as: Bool?.self) ?? false
        }
    }

    /// The newest codes, at most a thousand.
    public static func list(in session: any Session) async throws(PostgresError) -> [CodeListing] {
        try await session.query(LedgerStatements.codes, []) { (row) throws(PostgresError) in
            CodeListing(
                id: try row.get(0), hint: try row.get(1), amount: Credits(micro: try row.get(2)), state: try row.get(3),
                validUntil: try row.get(4), creditDays: try row.get(5), account: try row.get(6),
                redeemedBy: try row.get(7), redeemedAt: try row.get(8), reason: try row.get(9), createdAt: try row.get(10))
        }
    }
}
