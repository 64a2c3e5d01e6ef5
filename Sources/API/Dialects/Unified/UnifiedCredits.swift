import Domain
import Foundation
import HTTPTypes
import Hummingbird
import JobLife
import Keys
import Ledger

/// `GET /v1/credits`, `GET /v1/credits/history` and `POST /v1/credits/redeem`: what a customer has, how it came and went,
/// and codes.
struct UnifiedCredits {
    let services: APIServices
    let tasks: UnifiedTask

    func add(to router: Router<APIContext>) {
        router.get("/v1/credits") { request, _ in try await credits(request) }
        router.get("/v1/credits/history") { request, _ in try await history(request) }
        router.post("/v1/credits/redeem") { request, _ in try await redeem(request) }
    }

    private func credits(_ request: Request) async throws -> Response {
        let caller = try await request.caller(services.keys)
        let own = try await services.credits.own(keyID: caller.keyID, walletID: caller.walletID)
        // The shape that clients of this dialect know, then what it lacks.
        return .json(.object([
            ("data", .object([
                ("token", .object([
                    ("remaining_credits", .credits(own.keyRemaining)), ("used_credits", .credits(own.keyUsed)),
                    ("unlimited_credits", .bool(own.quotas.allSatisfy { $0.scope != .key })),
                ])),
                ("user", .object([
                    ("remaining_credits", .credits(own.balance.available)),
                    ("used_credits", .credits(own.balance.settled)), ("reserved_credits", .credits(own.balance.reserved)),
                    ("expired_credits", .credits(own.balance.expired)),
                    ("expiring", .array(own.expiring.map { grant in
                        .object([
                            ("credits", .credits(grant.remaining)), ("expires_at", .string(Self.text(grant.expiresAt))),
                        ])
                    })),
                ])),
                ("quotas", .array(own.quotas.map(Self.json))),
            ]))
        ]))
    }

    private static func json(_ quota: QuotaListing) -> JSON {
        .object([
            ("scope", .string(quota.scope.rawValue)), ("window", .string(quota.window.rawValue)),
            ("limit_credits", .credits(quota.cap)), ("used_credits", .credits(quota.used)),
            ("remaining_credits", .credits(quota.left)), ("resets_at", .string(text(quota.resetsAt))),
            ("reset_timezone", .string(quota.timeZone)),
        ])
    }

    private func history(_ request: Request) async throws -> Response {
        let caller = try await request.caller(services.keys)
        var before: Int64?
        if let text = request.uri.queryParameters["before"] {
            guard let number = Int64(text), number > 0 else {
                throw APIError.invalid("before", "before must be the id of an entry, such as next_before of an earlier page.")
            }
            before = number
        }
        let lines = try await services.credits.history(walletID: caller.walletID, before: before)
        let entries = lines.map { line in
            JSON.object([
                ("id", .int(line.id)), ("at", .string(Self.text(line.at))), ("kind", .string(line.kind)),
                ("credits", .credits(line.amount)), ("from", .string(line.debit)), ("to", .string(line.credit)),
                ("task_id", .optional(taskText(line))),
                ("reason", .optional(line.reason)),
            ])
        }
        let next = lines.count < CreditAccess.pageMax ? JSON.null : lines.last.map { .int($0.id) } ?? .null
        return .json(.object([("data", .array(entries)), ("next_before", next)]))
    }

    private func taskText(_ line: EntryLine) -> String? {
        guard let id = line.taskID, let createdAt = line.taskCreatedAt else { return nil }
        return tasks.idText(id, createdAt)
    }

    private struct Wire: Decodable { let code: String? }

    private func redeem(_ request: Request) async throws -> Response {
        let caller = try await request.caller(services.keys)
        guard caller.mode == .live else {
            throw APIError(
                kind: .forbidden, message: "A test key cannot redeem codes.", suggestion: "use a live key of the account")
        }
        let body = try await request.boundedBody()
        guard let wire = try? JSONDecoder().decode(Wire.self, from: Data(body.readableBytesView)), let typed = wire.code
        else { throw APIError.invalid("code", "code is required: send {\"code\": \"ZC-...\"}.") }
        guard let code = RedemptionCode(typed) else { throw Self.refusal("This is not a code: check its letters.") }
        let outcome = try await services.credits.redeem(code, walletID: caller.walletID)
        guard case .redeemed(let amount, _, let expiresAt, let replayed) = outcome else {
            throw Self.refusal(Self.reason(outcome))
        }
        var headers: HTTPFields = [:]
        if replayed { headers[.idempotencyReplayed] = "true" }
        return .json(
            .object([("credits", .credits(amount)), ("expires_at", .optional(expiresAt.map(Self.text)))]),
            headers: headers)
    }

    private static func reason(_ outcome: Redemption) -> String {
        switch outcome {
        case .used: "This code was redeemed by somebody else."
        case .withdrawn: "This code was withdrawn."
        case .tooLate: "This code's time is over."
        case .unknown, .redeemed: "There is no such code: check its letters."
        }
    }

    private static func refusal(_ message: String) -> APIError {
        APIError(
            kind: .invalidRequest, message: message, param: "code", suggestion: "ask whoever gave you the code",
            code: "code_not_redeemable")
    }

    private static func text(_ date: Date) -> String { date.formatted(.iso8601) }
}
