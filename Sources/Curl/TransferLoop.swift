import CLibcurl

/// The loop that drives every transfer, on its own thread. Nothing of it leaves that thread.
struct TransferLoop: ~Copyable {
    private let queue: TransferQueue
    private let inFlightMax: Int
    private let multi: MultiHandle
    private var active: [UnsafeMutableRawPointer: Transfer] = [:]

    /// Runs until the queue is stopped. The thread's whole life.
    static func run(_ queue: TransferQueue, inFlightMax: Int) {
        if let multi = MultiHandle(keptConnectionsMax: min(inFlightMax, 64), waker: queue.waker) {
            var loop = TransferLoop(queue: queue, inFlightMax: inFlightMax, multi: multi)
            loop.run()
        }
        queue.end()
    }

    private init(queue: TransferQueue, inFlightMax: Int, multi: consuming MultiHandle) {
        self.queue = queue
        self.inFlightMax = inFlightMax
        self.multi = multi
    }

    private mutating func run() {
        while true {
            let now = ContinuousClock.now
            let orders = queue.takeOrders(freeSlots: inFlightMax - active.count, now: now)
            for waiting in orders.expired {
                waiting.continuation.resume(returning: .failure(.timedOut(isRequestPossiblySent: false)))
            }
            cancel(orders.cancelled)
            if orders.isStopping { return stop(orders.start) }
            for waiting in orders.start { start(waiting, now: now) }
            advance()
            // Nobody else watches the deadlines of those who wait for a slot. A slot that has just become free
            // is filled before the thread waits.
            if let next = orders.nextDeadline {
                if active.count < inFlightMax { continue }
                multi.wait(timeoutSeconds: min(60, ContinuousClock.now.duration(to: next) / .seconds(1)))
            } else {
                multi.wait(timeoutSeconds: 60)
            }
        }
    }

    private mutating func start(_ waiting: WaitingTransfer, now: ContinuousClock.Instant) {
        let left = now.duration(to: waiting.deadline) / Duration.seconds(1)
        do throws(CurlError) {
            let transfer = try Transfer(waiting, timeoutSeconds: left)
            try multi.add(transfer)
            active[transfer.easy.pointer] = transfer
        } catch {
            waiting.continuation.resume(returning: .failure(error))
        }
    }

    private mutating func advance() {
        var done: [(handle: UnsafeMutableRawPointer, code: CURLcode)] = []
        multi.perform { done.append(($0, $1)) }
        for (handle, code) in done {
            guard let transfer = active.removeValue(forKey: handle) else { continue }
            multi.remove(transfer)
            transfer.finish(code)
        }
    }

    private mutating func cancel(_ ids: [UInt64]) {
        guard !ids.isEmpty else { return }
        let ids = Set(ids)
        for transfer in active.values where ids.contains(transfer.id) {
            end(transfer, .cancelled(isRequestPossiblySent: transfer.isRequestPossiblySent))
        }
    }

    private mutating func stop(_ waiting: [WaitingTransfer]) {
        for transfer in waiting {
            transfer.continuation.resume(returning: .failure(.stopped(isRequestPossiblySent: false)))
        }
        for transfer in active.values {
            end(transfer, .stopped(isRequestPossiblySent: transfer.isRequestPossiblySent))
        }
    }

    private mutating func end(_ transfer: Transfer, _ error: CurlError) {
        active.removeValue(forKey: transfer.easy.pointer)
        multi.remove(transfer)
        transfer.resume(.failure(error))
    }
}
