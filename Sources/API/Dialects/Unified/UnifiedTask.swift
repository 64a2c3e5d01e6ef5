import Admission
import Domain
import Foundation
import Images
import Reports

/// Tasks in the words of the unified dialect. The reply to a query and the body of a callback are the same bytes.
struct UnifiedTask: Sendable {
    private let codes: TaskCode
    private let links: SignedLinks

    /// - Parameters:
    ///   - codes: for ids.
    ///   - links: for results.
    init(codes: TaskCode, links: SignedLinks) {
        self.codes = codes
        self.links = links
    }

    /// The reply to a submit. It depends only on what never changes, so a replay is the same bytes.
    func accepted(_ task: AdmittedTask, _ request: CheckedRequest) -> JSON {
        let seconds = request.image.secondsExpected(ofOne: task.estimatedSeconds)
        return head(task.id, task.createdAt, request.model, progress: 0, state: .pending, after: [
            // A task that waits can be withdrawn.
            ("task_info", .object([("can_cancel", .bool(true)), ("estimated_time", .int(seconds))])),
            ("type", .string("image")),
            ("usage", .object([
                ("billing_rule", .string(task.rule.rawValue)), ("credits_reserved", .credits(task.reserved)),
                ("user_group", .string(task.userGroup)),
            ])),
        ])
    }

    /// The reply to a query for a task that has ended.
    func reply(_ task: TaskView) -> [UInt8] { json(task, canCancel: false).bytes }

    /// The reply to a query.
    func json(_ task: TaskView, canCancel: Bool) -> JSON {
        var rest: [(String, JSON)] = []
        if task.state == .completed { rest.append(("results", .array(results(task)))) }
        if task.state == .failed || task.state == .cancelled {
            rest.append(("error", .object([
                ("code", .string(task.errorCode ?? "unknown_error")), ("message", .optional(task.errorMessage)),
            ])))
        }
        rest.append(("task_info", .object([("can_cancel", .bool(canCancel)), ("estimated_time", .int(task.secondsLeft))])))
        rest.append(("type", .string("image")))
        var usage: [(String, JSON)] = [
            ("billing_rule", .string(task.rule.rawValue)), ("credits_reserved", .credits(task.reserved)),
        ]
        if let settled = task.settled { usage.append(("credits_used", .credits(settled))) }
        usage.append(("user_group", .string(task.userGroup)))
        rest.append(("usage", .object(usage)))
        return head(
            task.id, task.createdAt, task.model, progress: task.progress, state: task.state, after: rest)
    }

    /// The task in a list.
    func listed(_ task: TaskView) -> JSON {
        let duration = task.startedAt.flatMap { task.finishedAt?.timeIntervalSince($0) }
        let count = task.imagePaths.count
        return .object([
            ("id", .string(idText(task.id, task.createdAt))), ("model", .string(task.model)), ("type", .string("image")),
            ("status", .string(task.state.rawValue)), ("progress", .int(Int64(task.progress))),
            ("created_at", .int(Self.seconds(task.createdAt))),
            ("duration", duration.map { .raw(String(($0 * 1000).rounded() / 1000)) } ?? .null),
            ("has_results", .bool(count > 0)), ("result_count", .int(Int64(count))),
            ("has_error", .bool(task.state == .failed || task.state == .cancelled)),
            ("credits_used", .credits(task.settled ?? .zero)),
        ])
    }

    private func head(
        _ id: TaskID, _ createdAt: Date, _ model: String, progress: Int, state: TaskState, after: [(String, JSON)]
    ) -> JSON {
        .object([
            ("created", .int(Self.seconds(createdAt))), ("id", .string(idText(id, createdAt))),
            ("model", .string(model)), ("object", .string("image.generation.task")),
            ("progress", .int(Int64(progress))), ("status", .string(state.rawValue)),
        ] + after)
    }

    /// The public id of a task.
    func idText(_ id: TaskID, _ createdAt: Date) -> String {
        UnifiedTaskID(createdSeconds: Self.seconds(createdAt), code: codes.encode(id)).text
    }

    /// The task behind a public id; nil when it does not have the shape or its code is none of ours.
    func id(_ text: some StringProtocol) -> (id: TaskID, createdSeconds: Int64)? {
        guard let shape = UnifiedTaskID(text), let id = codes.decode(shape.code) else { return nil }
        return (id, shape.createdSeconds)
    }

    /// Whether a task was made at the second that its id tells.
    static func fits(_ task: TaskView, createdSeconds: Int64) -> Bool { seconds(task.createdAt) == createdSeconds }

    private static func seconds(_ date: Date) -> Int64 { Int64(date.timeIntervalSince1970.rounded(.down)) }

    private func results(_ task: TaskView) -> [JSON] {
        task.imagePaths.map { .string(links.link(to: $0, expiresSeconds: task.linksExpireSeconds)) }
    }
}
