import Admission
import Domain
import Foundation
import Hummingbird
import JobLife
import Keys

/// `POST /api/generate` and `GET /api/status`.
struct ZImageTurboRoutes {
    let services: APIServices
    let tasks: ZImageTurboTask

    func add(to router: Router<APIContext>) {
        router.post("/api/generate") { request, _ in try await submit(request) }
        router.get("/api/status") { request, _ in try await query(request) }
    }

    private func submit(_ request: Request) async throws -> Response {
        let accepted = try await Submit(services: services, dialect: ZImageTurboDialect.name)(request) { body in
            try ZImageTurboRequest(body: Data(body.readableBytesView)).checked
        }
        return .json(tasks.accepted(accepted.task.id), headers: accepted.headers)
    }

    private func query(_ request: Request) async throws -> Response {
        let caller = try await request.caller(services.keys)
        guard let text = request.uri.queryParameters["task_id"], !text.isEmpty else {
            throw APIError.invalid("task_id", "task_id is required: add ?task_id= and the id that /api/generate answered.")
        }
        guard let id = tasks.id(text), let task = try await services.tasks(id, accountID: caller.accountID, mode: caller.mode)
        else {
            throw APIError.taskNotFound()
        }
        return .json(tasks.reply(task))
    }
}
