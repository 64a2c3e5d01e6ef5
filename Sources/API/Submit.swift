import Admission
import Crypto
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Images
import JobLife
import Keys

/// What a dialect read from a submit, checked.
struct CheckedRequest {
    var model: String
    var image: ImageRequest
    var callbackURL: String?
    /// The request in a fixed form, for the comparison of repeated idempotency keys: as the customer sent it, without the
    /// seed that we draw.
    var canonical: [(String, JSON)]
}

/// The way of a request into the database, the same for every dialect.
struct Submit {
    /// A task that was accepted, or was before under the same idempotency key.
    struct Accepted {
        let task: AdmittedTask
        let request: CheckedRequest
        let caller: Caller
        /// Where the caller stands, and whether this is a replay.
        let headers: HTTPFields
    }

    let services: APIServices
    let dialect: String

    /// - Parameters:
    ///   - takesPictures: whether the body may hold pictures, and so be large.
    ///   - read: the dialect's check of the body.
    func callAsFunction(
        _ request: Request, takesPictures: Bool = false, read: (ByteBuffer) async throws -> CheckedRequest
    ) async throws -> Accepted {
        let caller = try await request.caller(services.keys)
        let key = try request.idempotencyKey()
        let checked = takesPictures ? try await services.bodies.read(request, read) : try await read(try await request.boundedBody())
        let submission = submission(checked, caller, key)
        do { try await services.moderate(submission) } catch {
            if let inputs = checked.image.inputs { await services.inputs.discard(inputs) }
            throw error
        }
        let verdict = try await services.admit(submission)
        var headers = HTTPFields(verdict.rate)
        if verdict.replayed { headers[.idempotencyReplayed] = "true" }
        switch verdict.outcome {
        case .failure(let refusal):
            var failure = APIError(refusal, model: checked.model)
            failure.headers = headers
            if let scope = verdict.fullScope ?? verdict.rate?.scope, failure.kind == .tooMany {
                failure.figures.append(("limit_scope", .string(scope)))
            }
            throw failure
        case .success(let task):
            return Accepted(task: task, request: checked, caller: caller, headers: headers)
        }
    }

    private func submission(_ checked: CheckedRequest, _ caller: Caller, _ key: String?) -> Submission {
        let canonical = JSON.object([("dialect", .string(dialect))] + checked.canonical).bytes
        return Submission(
            keyID: caller.keyID, walletID: caller.walletID, model: checked.model, operation: checked.image.operation,
            dialect: dialect, image: checked.image, callbackURL: checked.callbackURL, idempotencyKey: key,
            fingerprint: key == nil ? [] : Array(SHA256.hash(data: Data(canonical))))
    }
}
