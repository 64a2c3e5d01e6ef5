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
        var rate: RateStanding?
        if let limit: Int = try row.get(9, as: Int?.self) {
            rate = RateStanding(limit: limit, burst: try row.get(10), remaining: try row.get(11))
        }
        let word: String = try row.get(1)
        switch word {
        case "accepted", "replayed":
            let task = AdmittedTask(
                id: TaskID(try row.get(2)), createdAt: try row.get(3), reserved: Credits(micro: try row.get(4)),
                rule: BillingRule(rawValue: try row.get(5) ?? "") ?? .perCall, userGroup: try row.get(6),
                estimatedSeconds: try row.get(7) ?? 0, replayed: word == "replayed")
            return Verdict(outcome: .success(task), rate: rate)
        default:
            return Verdict(outcome: .failure(try refusal(word, row)), rate: rate)
        }
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
            let microseconds: Int64? = try row.get(12)
            return .rateLimited(retryAfterSeconds: Double(microseconds ?? 0) / 1_000_000)
        case "credits_insufficient":
            return .creditsInsufficient(
                available: Credits(micro: try row.get(8) ?? 0), needed: Credits(micro: try row.get(4) ?? 0))
        default: return .keyUnknown
        }
    }
}
