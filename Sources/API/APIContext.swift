public import Hummingbird

/// What travels with one HTTP request.
public struct APIContext: RequestContext {
    public var coreContext: CoreRequestContextStorage

    /// The context of a new request.
    public init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
    }
}
