public import Domain
public import Foundation
import Hummingbird
public import Images
public import Reports

/// All dialects together.
public struct Dialects: Sendable {
    static let types: [any Dialect.Type] = [UnifiedDialect.self, OpenAIDialect.self]

    let all: [any Dialect]
    private let unified: UnifiedTask

    /// - Parameters:
    ///   - codes: for ids.
    ///   - links: for results.
    public init(codes: TaskCode, links: SignedLinks) {
        all = Self.types.map { $0.init(codes: codes, links: links) }
        unified = UnifiedTask(codes: codes, links: links)
    }

    /// The body of a callback, in the dialect that the task was submitted in.
    public func callbackBody(_ task: TaskView) -> [UInt8] {
        guard let dialect = all.first(where: { type(of: $0).name == task.dialect }) else { return unified.reply(task) }
        return dialect.callbackBody(task)
    }

    /// The id of a task as operators see it, whatever its dialect.
    public func idText(_ id: TaskID, _ createdAt: Date) -> String { unified.idText(id, createdAt) }

    /// The task behind an id of any dialect.
    public func id(_ text: String) -> TaskID? { all.lazy.compactMap { $0.id(text)?.id }.first }

    /// The answer to a failure, in the shape of the dialect that the path belongs to. Paths of none speak the unified one.
    static func failure(_ error: APIError, path: String, requestID: String) -> Response {
        let owner = types.first { $0.prefixes.contains { path.hasPrefix($0) } } ?? UnifiedDialect.self
        return owner.failure(error, requestID: requestID)
    }
}
