import Domain
import Hummingbird
import Images
import Reports

/// OpenAI's Images API under `/openai/v1`: what its own clients send and read, for jobs that are the same as all others.
/// A request waits for its picture. Ids of tasks, for those who look, are the unified dialect's.
struct OpenAIDialect: Dialect {
    static let name = "openai"
    static let prefixes = ["/openai/"]

    private let tasks: UnifiedTask
    private let links: SignedLinks

    init(_ basis: DialectBasis) {
        tasks = UnifiedTask(codes: basis.codes, links: basis.links)
        links = basis.links
    }

    func add(to router: Router<APIContext>, _ services: APIServices) {
        OpenAIImages(services: services, tasks: tasks, links: links).add(to: router)
        OpenAIModels(services: services).add(to: router)
    }

    /// None: whoever asks for a task asks the unified dialect.
    func id(_ text: String) -> (id: TaskID, createdSeconds: Int64?)? { nil }

    /// Requests of this dialect name no address to call, and its API knows no tasks: the unified reply.
    func callbackBody(_ task: TaskView) -> [UInt8] { tasks.reply(task) }

    static func failure(_ error: APIError, requestID: String) -> Response { OpenAIErrors.response(error) }
}
