import Synchronization

/// Gathers calls that arrive while the previous batch is under way and sends them as one. There is no timer: a lone
/// call goes at once as a batch of one, and under load the batches grow by themselves.
final class Batcher<Item: Sendable, Answer: Sendable>: Sendable {
    private struct Waiting: Sendable {
        let item: Item
        let continuation: CheckedContinuation<Answer, any Error>
    }

    private struct State {
        var waiting: [Waiting] = []
        var finished = false
    }

    private let state = Mutex(State())
    private let signal = Signal()
    private let batchMax: Int
    private let waitingMax: Int
    private let overflow: any Error
    private let conflictKey: @Sendable (Item) -> String?

    /// - Parameters:
    ///   - batchMax: how many items one call carries at most.
    ///   - waitingMax: how many may wait; more are refused with `overflow`.
    ///   - conflictKey: items with the same key never share a batch.
    init(
        batchMax: Int, waitingMax: Int, overflow: any Error, conflictKey: @escaping @Sendable (Item) -> String? = { _ in nil }
    ) {
        self.batchMax = batchMax
        self.waitingMax = waitingMax
        self.overflow = overflow
        self.conflictKey = conflictKey
    }

    /// Sends an item with the next batch and returns its answer.
    func submit(_ item: Item) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            let accepted = state.withLock { state in
                guard !state.finished, state.waiting.count < waitingMax else { return false }
                state.waiting.append(Waiting(item: item, continuation: continuation))
                return true
            }
            if accepted { signal.send() } else { continuation.resume(throwing: overflow) }
        }
    }

    /// Sends batches until ``finish()`` was called, or the task cancelled, and none is left.
    /// - Parameter send: answers each item of a batch, in their order.
    func run(_ send: @Sendable ([Item]) async -> [Result<Answer, any Error>]) async {
        while true {
            let batch = take()
            if batch.isEmpty {
                if state.withLock({ $0.finished && $0.waiting.isEmpty }) { return }
                // A cancelled task cannot wait: without this it would go round and round.
                if Task.isCancelled { finish() } else { await signal.wait() }
                continue
            }
            let answers = await send(batch.map(\.item))
            precondition(answers.count == batch.count, "a batch answers each of its items")
            for (waiting, answer) in zip(batch, answers) { waiting.continuation.resume(with: answer) }
        }
    }

    /// Takes no more items; ``run(_:)`` returns when the last are answered.
    func finish() {
        state.withLock { $0.finished = true }
        signal.send()
    }

    private func take() -> [Waiting] {
        state.withLock { state in
            guard !state.waiting.isEmpty else { return [] }
            var keys: Set<String> = []
            var batch: [Waiting] = []
            var rest: [Waiting] = []
            for waiting in state.waiting {
                let key = conflictKey(waiting.item)
                let free = batch.count < batchMax && (key.map { keys.insert($0).inserted } ?? true)
                if free { batch.append(waiting) } else { rest.append(waiting) }
            }
            state.waiting = rest
            return batch
        }
    }
}
