import Domain
import Hummingbird
import Reports

/// The v3 dialect of Novita and HighwayAPI: the union of their pages for this model, and the route of Novita's own SDK.
struct V3Dialect: Dialect {
    static let name = "v3"
    static let prefixes = ["/v3/"]

    private let tasks: V3Task

    init(_ basis: DialectBasis) { tasks = V3Task(basis) }

    func add(to router: Router<APIContext>, _ services: APIServices) {
        V3Routes(services: services, tasks: tasks).add(to: router)
    }

    func id(_ text: String) -> (id: TaskID, createdSeconds: Int64?)? { tasks.id(text).map { ($0, nil) } }

    /// An event whose payload is the reply to a query, byte for byte.
    func callbackBody(_ task: TaskView) async throws -> [UInt8] {
        Array(#"{"event_type":"ASYNC_TASK_RESULT","payload":"#.utf8) + (try await tasks.reply(task)) + [UInt8(ascii: "}")]
    }

    static func failure(_ error: APIError, requestID: String) -> Response {
        V3Errors.response(error, requestID: requestID)
    }
}
