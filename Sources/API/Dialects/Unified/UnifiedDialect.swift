import Domain
import Hummingbird
import Images
import Reports

/// The unified dialect, which is also this service's own: `/v1`, and every path that no other dialect claims.
struct UnifiedDialect: Dialect {
    static let name = "unified"
    static let prefixes = ["/v1/"]

    private let tasks: UnifiedTask

    init(_ basis: DialectBasis) { tasks = UnifiedTask(codes: basis.codes, links: basis.links) }

    func add(to router: Router<APIContext>, _ services: APIServices) {
        UnifiedRoutes(services: services, tasks: tasks).add(to: router)
        UnifiedTaskList(services: services, tasks: tasks).add(to: router)
        UnifiedModels(services: services).add(to: router)
        UnifiedCredits(services: services, tasks: tasks).add(to: router)
        UnifiedCallbackSecret(services: services).add(to: router)
    }

    func id(_ text: String) -> (id: TaskID, createdSeconds: Int64?)? { tasks.id(text).map { ($0.id, $0.createdSeconds) } }

    /// The reply to a query, byte for byte.
    func callbackBody(_ task: TaskView) -> [UInt8] { tasks.reply(task) }

    static func failure(_ error: APIError, requestID: String) -> Response {
        UnifiedErrors.response(error, requestID: requestID)
    }
}
