import Domain
import Hummingbird

/// `GET /openai/v1/models` and `GET /openai/v1/models/{id}`.
struct OpenAIModels {
    let services: APIServices

    func add(to router: Router<APIContext>) {
        router.get("/openai/v1/models") { request, _ in
            let models = try await names(request).map(Self.json)
            return Response.json(.object([("object", .string("list")), ("data", .array(models))]))
        }
        router.get("/openai/v1/models/{id}") { request, context in
            let id = try context.parameters.require("id")
            guard try await names(request).contains(id) else { throw try await unknown(id, request) }
            return Response.json(Self.json(id))
        }
    }

    /// The models that the caller may use.
    private func names(_ request: Request) async throws -> [String] {
        _ = try await request.caller(services.keys)
        return [OpenAIRequest.standardModel]
    }

    /// The answer to a model that nobody has, or that the caller may not use.
    func unknown(_ name: String, _ request: Request) async throws -> APIError {
        let names = try await names(request).joined(separator: ", ")
        return APIError(
            kind: .notFound, message: "The model '\(name.prefix(128))' does not exist here: use one of \(names).", param: "model")
    }

    private static func json(_ name: String) -> JSON {
        // The clients' type wants a date, and nobody has one to tell.
        .object([("id", .string(name)), ("object", .string("model")), ("created", .int(0)), ("owned_by", .string("system"))])
    }
}
