import Domain
import JobLife
import Keys
import Reports

/// Finds tasks by the ids of this dialect, for their owners alone: somebody else's looks like one that never was.
struct UnifiedLookup {
    let services: APIServices
    let tasks: UnifiedTask

    /// The task of an id.
    func task(_ text: String, _ caller: Caller) async throws -> TaskView {
        guard text.hasPrefix(UnifiedTaskID.prefix) else {
            throw APIError(
                kind: .invalidRequest, message: "Invalid task ID format, must start with '\(UnifiedTaskID.prefix)'",
                param: "task_id", code: "invalid_task_id")
        }
        guard let (id, createdSeconds) = tasks.id(text),
            let task = try await services.tasks(id, accountID: caller.accountID, mode: caller.mode),
            UnifiedTask.fits(task, createdSeconds: createdSeconds)
        else {
            throw APIError.taskNotFound()
        }
        return task
    }

    /// Those of some ids that are tasks of the caller, in the order of the ids.
    func batch(_ texts: [String], _ caller: Caller) async throws -> [TaskView] {
        let ids = texts.map { tasks.id($0) }
        let found = try await services.tasks.batch(
            ids.compactMap { $0?.id }, accountID: caller.accountID, mode: caller.mode)
        var left = Dictionary(found.map { ($0.id, $0) }) { first, _ in first }
        return ids.compactMap { id in
            guard let id, let task = left[id.id], UnifiedTask.fits(task, createdSeconds: id.createdSeconds) else { return nil }
            // One that was asked for twice is answered once.
            left[id.id] = nil
            return task
        }
    }

    /// The reply to a query.
    func reply(_ task: TaskView) -> JSON { tasks.json(task, canCancel: services.cancel.isPossible(task)) }
}
