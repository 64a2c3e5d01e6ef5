import Domain
import Foundation
import Hummingbird
import Images
import Reports

/// What every dialect is made from.
struct DialectBasis: Sendable {
    /// For ids.
    let codes: TaskCode
    /// For results.
    let links: SignedLinks
    /// For results that replies hold themselves.
    let store: any ImageStore
    /// Seconds since 1970.
    let nowSeconds: @Sendable () -> Int64
}

/// A wire format for the same jobs: its routes, its words for tasks and its shape of failures. Each is a folder in
/// `Dialects/`, and a new one is added to ``Dialects/types`` and nowhere else.
protocol Dialect: Sendable {
    /// The name, as stored with the dialect's tasks.
    static var name: String { get }
    /// Paths that begin with one of these are this dialect's, also those that lead nowhere.
    static var prefixes: [String] { get }

    init(_ basis: DialectBasis)

    /// Adds the routes.
    func add(to router: Router<APIContext>, _ services: APIServices)
    /// The number in a public id; nil when it does not have this dialect's shape, or its code is none of ours. The time is
    /// the second that the task was made, where the id tells it.
    func id(_ text: String) -> (id: TaskID, createdSeconds: Int64?)?
    /// The body of a callback.
    func callbackBody(_ task: TaskView) async throws -> [UInt8]
    /// The answer to a failure.
    static func failure(_ error: APIError, requestID: String) -> Response
}
