import Synchronization

typealias TransferContinuation = CheckedContinuation<Result<TransferResponse, CurlError>, Never>

/// A request that the loop has not taken up yet.
struct WaitingTransfer: Sendable {
    let id: UInt64
    let request: TransferRequest
    let deadline: ContinuousClock.Instant
    let continuation: TransferContinuation
}

/// What callers and the loop thread share: requests on their way in, cancellations and the end.
final class TransferQueue: Sendable {
    private struct State {
        var waiting: [WaitingTransfer] = []
        var cancelled: [UInt64] = []
        var nextID: UInt64 = 1
        var isStopping = false
        var hasEnded = false
        var endWaiters: [CheckedContinuation<Void, Never>] = []
    }

    /// What the loop has to do in one round.
    struct Orders {
        var start: [WaitingTransfer] = []
        var expired: [WaitingTransfer] = []
        var cancelled: [UInt64] = []
        var isStopping = false
        /// The earliest deadline of those that still wait for a slot; nil when none waits.
        var nextDeadline: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let waitingMax: Int
    let waker = LoopWaker()

    init(waitingMax: Int) {
        self.waitingMax = waitingMax
    }

    func makeID() -> UInt64 {
        state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
    }

    /// Queues the request, or answers it at once when that is not possible.
    func submit(_ transfer: WaitingTransfer) {
        let refusal: CurlError? = state.withLock { state in
            if state.isStopping { return .stopped(isRequestPossiblySent: false) }
            if state.waiting.count >= waitingMax { return .busy }
            state.waiting.append(transfer)
            return nil
        }
        guard let refusal else { return waker.wake() }
        transfer.continuation.resume(returning: .failure(refusal))
    }

    /// Ends the transfer wherever it is; does nothing when it has ended already.
    func cancel(_ id: UInt64) {
        let waiting: WaitingTransfer? = state.withLock { state in
            if let index = state.waiting.firstIndex(where: { $0.id == id }) { return state.waiting.remove(at: index) }
            if !state.hasEnded { state.cancelled.append(id) }
            return nil
        }
        guard let waiting else { return waker.wake() }
        waiting.continuation.resume(returning: .failure(.cancelled(isRequestPossiblySent: false)))
    }

    /// Called by the loop: takes what can be started now and everything else that concerns it.
    func takeOrders(freeSlots: Int, now: ContinuousClock.Instant) -> Orders {
        state.withLock { state in
            var orders = Orders()
            orders.isStopping = state.isStopping
            swap(&orders.cancelled, &state.cancelled)
            orders.expired = state.waiting.filter { $0.deadline <= now }
            if !orders.expired.isEmpty { state.waiting.removeAll { $0.deadline <= now } }
            let count = state.isStopping ? state.waiting.count : min(freeSlots, state.waiting.count)
            orders.start = Array(state.waiting.prefix(count))
            state.waiting.removeFirst(count)
            orders.nextDeadline = state.waiting.map(\.deadline).min()
            return orders
        }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        waker.wake()
    }

    /// Returns when the loop thread has freed everything.
    func waitForEnd() async {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.endWaiters.append(continuation) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }

    /// Called by the loop thread as its last act; answers whoever came in too late.
    func end() {
        let (waiting, waiters) = state.withLock { state in
            state.isStopping = true
            state.hasEnded = true
            defer { (state.waiting, state.endWaiters) = ([], []) }
            return (state.waiting, state.endWaiters)
        }
        for transfer in waiting {
            transfer.continuation.resume(returning: .failure(.stopped(isRequestPossiblySent: false)))
        }
        for waiter in waiters { waiter.resume() }
    }
}
