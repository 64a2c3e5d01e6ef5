public import Hummingbird

/// All routes of the service.
public enum APIRoutes {
    /// The router of a node that serves the API.
    public static func router(_ services: APIServices) -> Router<APIContext> {
        let router = Router(context: APIContext.self)
        router.add(middleware: KeyedMiddleware(services: services))
        router.add(middleware: ErrorsMiddleware(logger: services.logger))
        HealthRoutes(services: services).add(to: router)
        ImageRoutes(services: services).add(to: router)
        DocsRoutes(services: services).add(to: router)
        ProviderCallbackRoutes(services: services).add(to: router)
        for dialect in services.dialects.all { dialect.add(to: router, services) }
        return router
    }

    /// The router of a node that only works: health alone.
    public static func healthRouter(_ services: APIServices) -> Router<APIContext> {
        let router = Router(context: APIContext.self)
        router.add(middleware: ErrorsMiddleware(logger: services.logger))
        HealthRoutes(services: services).add(to: router)
        return router
    }
}
