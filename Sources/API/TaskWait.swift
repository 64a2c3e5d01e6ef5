import Domain
import JobLife
import NIOCore
import Reports

/// The waits of one request for tasks. Each ends when the task is as it is wanted, when its time is over, when the node
/// stops, or when the client hangs up.
struct TaskWait: Sendable {
    private let watch: TaskWatch
    private let hangUp: HangUp?

    /// - Parameter context: the request's; where it has no connection, nobody hangs up.
    init(_ watch: TaskWatch, _ context: APIContext) async {
        self.watch = watch
        hangUp = try? await context.channel.pipeline.handler(type: HangUp.self).get()
    }

    /// Whether nobody should wait once more: the client has gone, or the node stops.
    var isOver: Bool { hangUp?.isGone == true || TaskWatch.nodeIsStopping }

    /// See ``TaskWatch/task(_:atMost:unless:where:)``.
    func task(
        _ id: TaskID, atMost duration: Duration, where isWanted: @escaping @Sendable (TaskView) -> Bool
    ) async throws -> TaskView? {
        try await watch.task(id, atMost: duration, unless: hangUp?.wait, where: isWanted)
    }
}
