import Domain
import HTTPTypes
import Hummingbird

/// `/healthz`: the process is alive. `/readyz`: it can accept paid work.
struct HealthRoutes {
    let services: APIServices

    func add(to router: Router<APIContext>) {
        router.get("/healthz") { _, _ in Response.json(.object([("status", .string("ok"))])) }
        router.get("/readyz") { [services] _, _ in
            guard let reason = await services.notReadyReason() else {
                return Response.json(.object([("status", .string("ready"))]))
            }
            return Response.json(
                .object([("status", .string("not ready")), ("reason", .string(reason))]), status: .serviceUnavailable)
        }
    }
}
