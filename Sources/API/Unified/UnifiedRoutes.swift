import Admission
import Crypto
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import JobLife
import Keys

/// `POST /v1/images/generations` and `GET /v1/tasks/{id}`.
struct UnifiedRoutes {
    let services: APIServices
    private let tasks: UnifiedTask

    init(services: APIServices) {
        self.services = services
        tasks = UnifiedTask(codes: services.codes, links: services.links)
    }

    func add(to router: Router<APIContext>) {
        router.post("/v1/images/generations") { request, _ in try await submit(request) }
        router.get("/v1/tasks/{id}") { request, context in
            try await query(request, id: context.parameters.require("id"))
        }
    }

    private func submit(_ request: Request) async throws -> Response {
        let caller = try await request.caller(services.keys)
        let key = try request.idempotencyKey()
        let body = try await request.boundedBody()
        let wire = try UnifiedRequest(body: Data(body.readableBytesView), egress: services.egress)
        let verdict = try await services.admit(submission(wire, caller, key))
        var headers = Self.rateHeaders(verdict.rate)
        if verdict.replayed { headers[.idempotencyReplayed] = "true" }
        switch verdict.outcome {
        case .failure(let refusal):
            var failure = APIError(refusal, model: wire.model)
            failure.headers = headers
            if let scope = verdict.rate?.scope, failure.kind == .tooMany {
                failure.figures.append(("limit_scope", .string(scope)))
            }
            throw failure
        case .success(let task):
            return .json(tasks.accepted(task, model: wire.model), headers: headers)
        }
    }

    private func submission(_ wire: UnifiedRequest, _ caller: Caller, _ key: String?) -> Submission {
        let image = ImageRequest(
            prompt: wire.prompt, sizeText: wire.sizeText, size: wire.size,
            seed: wire.seed ?? Int64.random(in: Limits.seeds), format: .webp, nsfwCheck: wire.nsfwCheck)
        return Submission(
            keyID: caller.keyID, walletID: caller.walletID, model: wire.model, operation: .generate,
            dialect: UnifiedTask.dialect, image: image, callbackURL: wire.callbackURL, idempotencyKey: key,
            fingerprint: key == nil ? [] : Array(SHA256.hash(data: Data(wire.canonicalText.utf8))))
    }

    private func query(_ request: Request, id text: String) async throws -> Response {
        let caller = try await request.caller(services.keys)
        guard text.hasPrefix(UnifiedTaskID.prefix) else {
            throw APIError(
                kind: .invalidRequest, message: "Invalid task ID format, must start with '\(UnifiedTaskID.prefix)'",
                param: "task_id", code: "invalid_task_id")
        }
        guard let reply = try await found(text, caller) else {
            throw APIError(
                kind: .notFound, message: "Task not found: check the id and the key's account.", param: "task_id",
                code: "task_not_found")
        }
        return .json(reply)
    }

    private func found(_ text: String, _ caller: Caller) async throws -> [UInt8]? {
        guard let (id, createdSeconds) = tasks.id(text),
            let task = try await services.tasks(id, accountID: caller.accountID, mode: caller.mode),
            UnifiedTask.fits(task, createdSeconds: createdSeconds)
        else { return nil }
        return tasks.reply(task)
    }

    /// Where the caller stands with the strictest limit, in the words of the IETF draft.
    private static func rateHeaders(_ rate: RateStanding?) -> HTTPFields {
        guard let rate else { return [:] }
        let emissionSeconds = 60.0 / Double(rate.limit)
        let window = Int((emissionSeconds * Double(rate.burst)).rounded(.up))
        return [
            .rateLimitPolicy: "\"requests\";q=\(rate.burst);w=\(window)",
            .rateLimit: "\"requests\";r=\(rate.remaining);t=\(Int(emissionSeconds.rounded(.up)))",
        ]
    }
}
