import Admission
import Domain
import Foundation
import Hummingbird
import Images
import JobLife
import Keys
import Reports

/// `POST /v3/async/z-image-turbo`, `POST /v3/async/txt2img` and `GET /v3/async/task-result`. The SDK takes no status but
/// 200 for success.
struct V3Routes {
    let services: APIServices
    let tasks: V3Task

    func add(to router: Router<APIContext>) {
        router.post("/v3/async/z-image-turbo") { request, _ in
            try await submit(request, takesPictures: true, read: withPictures)
        }
        router.post("/v3/async/txt2img") { request, _ in
            try await submit(request) { try V3TextToImage(body: $0, egress: services.egress).checked }
        }
        router.get("/v3/async/task-result") { request, _ in try await query(request) }
    }

    private func withPictures(_ body: Data) async throws -> CheckedRequest {
        let wire = try V3Request(body: body, egress: services.egress)
        var checked = wire.checked
        do {
            checked.image.inputs = try await services.inputs.checked(
                image: wire.imageURL, mask: wire.mask, strength: wire.strength)
        } catch let error as InputError {
            var failure = APIError(input: error)
            failure.code = V3Errors.reason(error.fault)
            throw failure
        }
        return checked
    }

    private func submit(
        _ request: Request, takesPictures: Bool = false, read: (Data) async throws -> CheckedRequest
    ) async throws -> Response {
        let submit = Submit(services: services, dialect: V3Dialect.name)
        let accepted = try await submit(request, takesPictures: takesPictures) { body in
            try await read(Data(body.readableBytesView))
        }
        return .json(.object([("task_id", .string(tasks.idText(accepted.task.id)))]), headers: accepted.headers)
    }

    private func query(_ request: Request) async throws -> Response {
        let caller = try await request.caller(services.keys)
        guard let text = request.uri.queryParameters["task_id"], !text.isEmpty else {
            throw APIError.invalid("task_id", "task_id is required: add ?task_id= and the id that the submit answered.")
        }
        do {
            guard let id = tasks.id(text),
                let task = try await services.tasks(id, accountID: caller.accountID, mode: caller.mode)
            else {
                throw APIError.taskNotFound(code: V3Errors.taskNotFound)
            }
            return .json(try await tasks.reply(task))
        } catch {
            if let foreseen = APIError(error) { throw foreseen }
            var failure = APIError.unforeseen
            failure.code = V3Errors.resultFailed
            failure.cause = error
            throw failure
        }
    }
}
