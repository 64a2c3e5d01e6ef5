import Domain
import Hummingbird
import JobLife
import Keys
import Ledger

/// `GET /v1/models` and `GET /v1/models/{id}`: what the key may use, and what it costs now. The members that clients of the
/// OpenAI dialect read come first.
struct UnifiedModels {
    let services: APIServices

    func add(to router: Router<APIContext>) {
        router.get("/v1/models") { request, _ in
            let entries = try await models(request).map(Self.json)
            return Response.json(.object([("object", .string("list")), ("data", .array(entries))]))
        }
        // Names of models may have slashes in them.
        router.get("/v1/models/**") { request, context in
            let name = context.parameters.getCatchAll().joined(separator: "/")
            guard let entry = try await models(request).first(where: { $0.model.name == name }) else {
                throw APIError(
                    kind: .notFound, message: "Specified model not found", param: "model",
                    suggestion: "see GET /v1/models for those that this key may use")
            }
            return Response.json(Self.json(entry))
        }
    }

    private func models(_ request: Request) async throws -> [ModelCatalog.Entry] {
        try await services.models(keyID: request.caller(services.keys).keyID)
    }

    private static func json(_ entry: ModelCatalog.Entry) -> JSON {
        let operations = TaskOperation.allCases.filter { operation in entry.prices.contains { $0.operation == operation } }
        return .object([
            ("id", .string(entry.model.name)), ("object", .string("model")),
            // Clients want a date, and nobody has one to tell.
            ("created", .int(0)), ("owned_by", .string("system")), ("type", .string("image")),
            ("estimated_time", .int(Int64(entry.model.estimatedSeconds))),
            ("operations", .array(operations.map { .string($0.rawValue) })),
            ("prices", .array(entry.prices.map { price in
                .object([
                    ("operation", .string(price.operation.rawValue)), ("size_tier", .string(price.tier.rawValue)),
                    ("billing_rule", .string(price.quote.terms.rule.rawValue)),
                    ("credits", .credits(price.quote.terms.amount)), ("credits_max", .credits(price.quote.reserved)),
                ])
            })),
        ])
    }
}
