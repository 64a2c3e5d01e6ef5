public import Hummingbird
import NIOCore

/// What travels with one HTTP request.
public struct APIContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    /// The other end of the connection; nil when it has no address.
    let peer: String?
    /// The connection.
    let channel: any Channel

    /// The context of a new request.
    public init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        peer = source.channel.remoteAddress?.ipAddress
        channel = source.channel
    }
}
