import Admission
import Domain
import HTTPTypes
import Hummingbird
import JobLife
import Keys
import Synchronization

/// What is known about a request with a key beside the request itself: where it comes from, and then who it is.
final class KeyedRequest: Sendable {
    /// The request under way.
    @TaskLocal static var current: KeyedRequest?

    private let locate: @Sendable () -> IPAddress?
    private let seen = Mutex<Caller?>(nil)

    /// - Parameter locate: asked only for keys that are tied to addresses.
    init(locate: @escaping @Sendable () -> IPAddress?) { self.locate = locate }

    /// Where it comes from; nil when nobody can say.
    var address: IPAddress? { locate() }

    var caller: Caller? { seen.withLock { $0 } }

    func found(_ caller: Caller) { seen.withLock { $0 = caller } }
}

/// Knows where each request comes from, and adds to each answer for a key with a rate limit where that key stands. A submit
/// knows it from admission. Any other request uses nothing up and asks the database: one read by primary keys, of which
/// callers without a rate limit see nothing.
struct KeyedMiddleware: RouterMiddleware {
    typealias Context = APIContext

    let services: APIServices

    @concurrent
    func handle(
        _ request: Request, context: APIContext, next: @concurrent (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let keyed = KeyedRequest { [proxies = services.trustedProxies, peer = context.peer, headers = request.headers] in
            proxies.client(peer: peer, forwarded: headers[values: .forwardedFor])
        }
        var response = try await KeyedRequest.$current.withValue(keyed) { try await next(request, context) }
        guard let caller = keyed.caller, caller.isRateLimited, response.headers[.rateLimit] == nil else { return response }
        // An answer is not withheld for want of these headers.
        if let standing = try? await services.admit.standing(keyID: caller.keyID) {
            for field in HTTPFields(standing) { response.headers[field.name] = field.value }
        }
        return response
    }
}

extension HTTPFields {
    /// Where the caller stands with the strictest rate limit, in the words of the IETF draft: the limit by name, `q` requests
    /// at once that come back over `w` seconds, `r` that may come now, and one more in `t` seconds.
    init(_ rate: RateStanding?) {
        self.init()
        guard let rate else { return }
        let emission = 60_000_000 / Int64(rate.limit)
        let window = Self.seconds(emission * Int64(rate.burst))
        self[.rateLimitPolicy] = "\"\(rate.scope)\";q=\(rate.burst);w=\(window)"
        // Nothing comes back where nothing is used up.
        let refill = rate.remaining < rate.burst ? ";t=\(Self.seconds(rate.nextMicroseconds))" : ""
        self[.rateLimit] = "\"\(rate.scope)\";r=\(rate.remaining)\(refill)"
    }

    private static func seconds(_ microseconds: Int64) -> Int64 { (microseconds + 999_999) / 1_000_000 }
}
