import Domain
import Hummingbird
import JobLife
import Keys

/// `GET /openai/v1/models` and `GET /openai/v1/models/{id}`.
struct OpenAIModels {
    let services: APIServices

    func add(to router: Router<APIContext>) {
        router.get("/openai/v1/models") { request, _ in
            let models = try await names(request).map(Self.json)
            return Response.json(.object([("object", .string("list")), ("data", .array(models))]))
        }
        // Names of models may have slashes in them.
        router.get("/openai/v1/models/**") { request, context in
            let id = context.parameters.getCatchAll().joined(separator: "/")
            guard try await names(request).contains(id) else { throw try await unknown(id, request) }
            return Response.json(Self.json(id))
        }
    }

    /// The models that the caller may use.
    private func names(_ request: Request) async throws -> [String] {
        try await services.models(keyID: request.caller(services.keys).keyID).map(\.model.name)
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
