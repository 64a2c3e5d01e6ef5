import Domain
import Foundation
import HTTPTypes
import Hummingbird
import JobLife
import Keys
import Reports

/// `GET /v1/tasks`, `POST /v1/tasks/batch` and `POST /v1/tasks/{id}/cancel`.
struct UnifiedTaskList {
    private static let batchMax = 50
    private static let pageSizes = 1...100

    let services: APIServices
    let tasks: UnifiedTask

    private var lookup: UnifiedLookup { UnifiedLookup(services: services, tasks: tasks) }

    func add(to router: Router<APIContext>) {
        router.get("/v1/tasks") { request, _ in try await list(request) }
        router.post("/v1/tasks/batch") { request, _ in try await batch(request) }
        router.post("/v1/tasks/{id}/cancel") { request, context in
            try await cancel(request, id: context.parameters.require("id"))
        }
    }

    // MARK: list

    private static let types = ["text", "image", "audio", "video"]

    private func list(_ request: Request) async throws -> Response {
        let caller = try await request.caller(services.keys)
        let size = try request.wholeNumber("page_size", Self.pageSizes) ?? 20
        let number = try request.wholeNumber("page", 1...(TaskPage.windowMax / size)) ?? 1
        let type = try request.word("type", Self.types) ?? "image"
        var filter = try filter(request)
        filter.offset = (number - 1) * size
        filter.count = size
        // There are pictures alone.
        let page = type == "image" ? try await services.tasks.page(filter, walletID: caller.walletID) : nil
        return .json(.object([
            ("data", .array((page?.tasks ?? []).map(tasks.listed))), ("total", .int(Int64(page?.total ?? 0))),
            ("page", .int(Int64(number))), ("page_size", .int(Int64(size))),
            ("next_before", .optional((page?.next).map { tasks.idText($0.id, $0.createdAt) })),
        ]))
    }

    private func filter(_ request: Request) throws -> TaskFilter {
        var filter = TaskFilter()
        filter.state = try request.word("status", TaskState.allCases.map(\.rawValue)).flatMap(TaskState.init)
        filter.model = try request.uri.queryParameters["model"].map { try Fields.model(String($0)) }
        if let text = request.uri.queryParameters["before"] {
            guard let (id, _) = tasks.id(text) else {
                throw APIError.invalid("before", "before must be the id of a task, such as next_before of an earlier page.")
            }
            filter.before = id
        }
        return filter
    }

    // MARK: batch

    private struct Wire: Decodable {
        let ids: [String]?

        private enum CodingKeys: String, CodingKey { case ids = "task_ids" }

        init(from decoder: any Decoder) throws {
            ids = try decoder.container(keyedBy: CodingKeys.self).field(.ids, [String].self, "a list of ids")
        }
    }

    private func batch(_ request: Request) async throws -> Response {
        let caller = try await request.caller(services.keys, right: .read)
        let body = try await request.boundedBody()
        let ids = try Fields.decode(Wire.self, from: Data(body.readableBytesView)).ids ?? []
        guard (1...Self.batchMax).contains(ids.count) else {
            throw APIError.invalid("task_ids", "task_ids must be a list of 1 to \(Self.batchMax) ids.")
        }
        return .json(.object([("data", .array(try await lookup.batch(ids, caller).map(lookup.reply)))]))
    }

    // MARK: cancel

    private func cancel(_ request: Request, id text: String) async throws -> Response {
        let caller = try await request.caller(services.keys)
        var task = try await lookup.task(text, caller)
        if !task.state.isFinal {
            _ = try await services.cancel(task, walletID: caller.walletID)
            task = try await lookup.task(text, caller)
        }
        // Cancelled before is as good as cancelled now.
        if task.state == .cancelled { return .json(lookup.reply(task)) }
        let why = task.state.isFinal ? "has \(task.state.rawValue) already" : "runs where it cannot be stopped"
        throw APIError(
            kind: .tooLate, message: "The task \(why): it cannot be cancelled.", param: "task_id",
            suggestion: "query the task for its result", code: "task_not_cancellable",
            figures: [("status", .string(task.state.rawValue))])
    }
}

extension Request {
    /// One of some words in the query part of the address; nil where it is absent.
    fileprivate func word(_ name: String, _ words: [String]) throws(APIError) -> String? {
        guard let text = uri.queryParameters[Substring(name)] else { return nil }
        guard let word = words.first(where: { $0 == text }) else {
            throw .invalid(name, "\(name) must be one of \(words.joined(separator: ", ")).")
        }
        return word
    }
}
