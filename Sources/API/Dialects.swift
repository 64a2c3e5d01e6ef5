public import Domain
public import Foundation
import Hummingbird
public import Images
public import Reports

/// All dialects together.
public struct Dialects: Sendable {
    static let types: [any Dialect.Type] = [
        UnifiedDialect.self, OpenAIDialect.self, V3Dialect.self, ZImageTurboDialect.self,
    ]

    let all: [any Dialect]
    private let unified: UnifiedTask

    /// - Parameters:
    ///   - codes: for ids.
    ///   - links: for results.
    ///   - store: for results that replies hold themselves.
    ///   - nowSeconds: seconds since 1970.
    public init(
        codes: TaskCode, links: SignedLinks, store: any ImageStore, nowSeconds: @escaping @Sendable () -> Int64
    ) {
        let basis = DialectBasis(codes: codes, links: links, store: store, nowSeconds: nowSeconds)
        all = Self.types.map { $0.init(basis) }
        unified = UnifiedTask(codes: codes, links: links)
    }

    /// The body of a callback, in the dialect that the task was submitted in.
    public func callbackBody(_ task: TaskView) async throws -> [UInt8] {
        guard let dialect = all.first(where: { type(of: $0).name == task.dialect }) else { return unified.reply(task) }
        return try await dialect.callbackBody(task)
    }

    /// The id of a task as operators see it, whatever its dialect.
    public func idText(_ id: TaskID, _ createdAt: Date) -> String { unified.idText(id, createdAt) }

    /// The task behind an id of any dialect.
    public func id(_ text: String) -> TaskID? { all.lazy.compactMap { $0.id(text)?.id }.first }

    /// Whether an id, of any dialect, is that of a task.
    public func isID(_ text: String, of id: TaskID, _ createdAt: Date) -> Bool {
        all.contains { dialect in
            guard let read = dialect.id(text), read.id == id else { return false }
            return read.createdSeconds == nil || text == idText(id, createdAt)
        }
    }

    /// The answer to a failure, in the shape of the dialect that the path belongs to. Paths of none speak the unified one.
    static func failure(_ error: APIError, path: String, requestID: String) -> Response {
        let owner = types.first { $0.prefixes.contains { path.hasPrefix($0) } } ?? UnifiedDialect.self
        return owner.failure(error, requestID: requestID)
    }
}
