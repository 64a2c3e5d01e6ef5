public import Domain
import Foundation
public import Postgres

/// A submission with the number that its task will have.
public struct NumberedSubmission: Sendable {
    /// The task's number, from ``TaskNumbers``.
    public let id: TaskID
    /// What is asked for.
    public let submission: Submission

    /// Pairs the two.
    public init(id: TaskID, submission: Submission) {
        self.id = id
        self.submission = submission
    }
}

/// The call that opens reservations.
public struct AdmitTasks: Sendable {
    /// The call has no state.
    public init() {}

    /// Judges a batch in order and writes what it accepts, as one transaction of its own.
    /// - Parameter again: the answer to an earlier call with these numbers was lost: what it wrote is found, not repeated.
    /// - Returns: a verdict per submission, in their order.
    public func callAsFunction(
        _ batch: [NumberedSubmission], again: Bool, in session: any Session
    ) async throws(PostgresError) -> [Verdict] {
        let all = batch.map(\.submission)
        let parameters = [
            Parameter(again), Parameter(batch.map(\.id.value)), Parameter(all.map(\.keyID)),
            Parameter(all.map(\.model)), Parameter(all.map(\.operation.rawValue)),
            Parameter(all.map(\.image.size.tier.rawValue)),
            Parameter(all.map(\.dialect)), Parameter(all.map { JSONText($0.image.storedText) }),
            Parameter(all.map(\.callbackURL)), Parameter(all.map(\.idempotencyKey)),
            Parameter(all.map { Bytes($0.fingerprint) }),
        ]
        let verdicts = try await session.query(AdmissionStatements.admit, parameters, decode: verdict)
        precondition(verdicts.count == batch.count, "admit_tasks answers each request once")
        return verdicts
    }

    @Sendable private func verdict(_ row: Row) throws(PostgresError) -> Verdict {
        let word: String = try row.get(1)
        let outcome: Result<AdmittedTask, Refusal>
        switch word {
        case "accepted", "replayed":
            outcome = .success(
                AdmittedTask(
                    id: TaskID(try row.get(3)), createdAt: try row.get(4), reserved: Credits(micro: try row.get(5)),
                    rule: BillingRule(rawValue: try row.get(6) ?? "") ?? .perCall, userGroup: try row.get(7),
                    estimatedSeconds: try row.get(8) ?? 0))
        default: outcome = .failure(try refusal(word, row))
        }
        return Verdict(outcome: outcome, replayed: try row.get(2), rate: try RateStanding(row, from: 10), fullScope: try row.get(15))
    }

    private func refusal(_ word: String, _ row: Row) throws(PostgresError) -> Refusal {
        switch word {
        case "key_revoked": return .keyRevoked
        case "key_expired": return .keyExpired
        case "account_suspended": return .accountSuspended
        case "idempotency_conflict": return .idempotencyConflict
        case "model_unknown": return .modelUnknown
        case "model_forbidden": return .modelForbidden
        case "price_missing": return .priceMissing
        case "too_many_pending": return .tooManyPending
        case "rate_limited":
            let microseconds: Int64? = try row.get(13)
            return .rateLimited(retryAfterSeconds: Double(microseconds ?? 0) / 1_000_000)
        case "credits_insufficient", "quota_exceeded":
            let stored = try row.get(9, as: JSONText.self)
            guard let told = try? JSONDecoder().decode(Told.self, from: Data(stored.string.utf8)) else {
                throw PostgresError.unexpectedContent(of: "idempotency.refusal")
            }
            return told.refusal
        default: return .keyUnknown
        }
    }
}

extension RateStanding {
    /// Nil where no limit was asked.
    fileprivate init?(_ row: Row, from column: Int) throws(PostgresError) {
        guard let limit = try row.get(column, as: Int?.self) else { return nil }
        self.init(
            scope: try row.get(column + 4), limit: limit, burst: try row.get(column + 1),
            remaining: try row.get(column + 2), nextMicroseconds: try row.get(column + 3))
    }

    /// Where a key stands with the strictest rate limit on all of its submits, without using any of it up; nil without one.
    public static func of(keyID: Int64, in session: any Session) async throws(PostgresError) -> RateStanding? {
        let found = try await session.first(AdmissionStatements.standing, [Parameter(keyID)]) {
            (row) throws(PostgresError) in try RateStanding(row, from: 0)
        }
        return found ?? nil
    }
}

/// What a customer who lacks credit is told, as `admit_tasks` writes it down.
private struct Told: Decodable {
    let available: Int64
    let needed: Int64
    let scope: QuotaScope?
    let window: QuotaWindow?
    let cap: Int64?
    let used: Int64?
    let timeZone: String?
    let resetsAt: Int64?

    private enum CodingKeys: String, CodingKey {
        case available, needed, scope, window, cap, used
        case timeZone = "time_zone"
        case resetsAt = "resets_at"
    }

    var refusal: Refusal {
        let credit = CreditStanding(available: Credits(micro: available), needed: Credits(micro: needed))
        guard let scope, let window, let cap, let used, let timeZone, let resetsAt else {
            return .creditsInsufficient(credit)
        }
        let quota = QuotaStanding(
            scope: scope, window: window, cap: Credits(micro: cap), used: Credits(micro: used), timeZone: timeZone,
            resetsAt: Date(timeIntervalSince1970: Double(resetsAt)))
        return .quotaExceeded(quota, credit)
    }
}
