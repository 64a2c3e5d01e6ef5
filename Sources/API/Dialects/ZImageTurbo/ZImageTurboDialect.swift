import Domain
import Hummingbird
import Reports

/// The dialect of zimageturbo.ai: `/api/generate` and `/api/status`.
struct ZImageTurboDialect: Dialect {
    static let name = "zimageturbo"
    static let prefixes = ["/api/"]

    private let tasks: ZImageTurboTask

    init(_ basis: DialectBasis) { tasks = ZImageTurboTask(basis) }

    func add(to router: Router<APIContext>, _ services: APIServices) {
        ZImageTurboRoutes(services: services, tasks: tasks).add(to: router)
    }

    func id(_ text: String) -> (id: TaskID, createdSeconds: Int64?)? { tasks.id(text).map { ($0, nil) } }

    /// The reply to a query; no request of this dialect names an address to call.
    func callbackBody(_ task: TaskView) -> [UInt8] { tasks.reply(task) }

    /// `{"code", "message", "data": null}` with the HTTP status as the code.
    static func failure(_ error: APIError, requestID: String) -> Response {
        var headers = error.headers
        if let seconds = error.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        if error.kind == .unauthenticated { headers[.wwwAuthenticate] = "Bearer" }
        let members: [(String, JSON)] = [
            ("code", .int(Int64(error.status.code))), ("message", .string(error.advice)), ("data", .null),
        ]
        return .json(.object(members), status: error.status, headers: headers)
    }
}
