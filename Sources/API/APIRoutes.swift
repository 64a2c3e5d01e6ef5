public import Hummingbird

/// All routes of the service.
public enum APIRoutes {
    /// The router of a node that serves the API.
    public static func router(_ services: APIServices) -> Router<APIContext> {
        let router = Router(context: APIContext.self)
        // Routes that belong to no dialect answer failures in the unified one's shape.
        router.add(middleware: ErrorsMiddleware(logger: services.logger, shape: UnifiedErrors.response))
        HealthRoutes(services: services).add(to: router)
        ImageRoutes(services: services).add(to: router)
        UnifiedRoutes(services: services).add(to: router)
        UnifiedCredits(services: services).add(to: router)
        return router
    }

    /// The router of a node that only works: health alone.
    public static func healthRouter(_ services: APIServices) -> Router<APIContext> {
        let router = Router(context: APIContext.self)
        router.add(middleware: ErrorsMiddleware(logger: services.logger, shape: UnifiedErrors.response))
        HealthRoutes(services: services).add(to: router)
        return router
    }
}
