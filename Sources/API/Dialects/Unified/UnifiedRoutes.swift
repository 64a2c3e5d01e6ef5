import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Images
import JobLife
import Keys

/// `POST /v1/images/generations` and `GET /v1/tasks/{id}`.
struct UnifiedRoutes {
    let services: APIServices
    let tasks: UnifiedTask

    func add(to router: Router<APIContext>) {
        router.post("/v1/images/generations") { request, _ in try await submit(request) }
        router.get("/v1/tasks/{id}") { request, context in
            try await query(request, id: context.parameters.require("id"))
        }
    }

    private func submit(_ request: Request) async throws -> Response {
        let accepted = try await Submit(services: services, dialect: UnifiedDialect.name)(request, takesPictures: true) { body in
            let wire = try UnifiedRequest(body: Data(body.readableBytesView), egress: services.egress)
            var checked = wire.checked
            checked.image.inputs = try await services.inputs.checked(
                image: wire.image, mask: wire.mask, strength: wire.strength)
            return checked
        }
        return .json(tasks.accepted(accepted.task, model: accepted.request.model), headers: accepted.headers)
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
}
