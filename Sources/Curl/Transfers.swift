import Foundation

/// All outgoing HTTP of the service: one thread that drives many transfers through libcurl.
///
/// No redirects, no proxies, no cookies, `http` and `https` only. Call `shutdown()` when done; an instance
/// that is dropped without it ends its thread by itself.
public final class Transfers: Sendable {
    private let queue: TransferQueue

    /// Starts the thread. At most `inFlightMax` transfers run at once and at most `waitingMax` wait for a slot.
    public init(inFlightMax: Int = 256, waitingMax: Int = 4096) {
        let queue = TransferQueue(waitingMax: max(1, waitingMax))
        self.queue = queue
        let thread = Thread { TransferLoop.run(queue, inFlightMax: max(1, inFlightMax)) }
        thread.name = "transfers"
        thread.start()
    }

    deinit { queue.stop() }

    /// Performs one request and returns its response, whatever the status. Cancelling the task ends the
    /// transfer and closes its connection.
    public func perform(_ request: TransferRequest) async throws(CurlError) -> TransferResponse {
        if let fault = request.fault { throw .badRequest(detail: fault) }
        let id = queue.makeID()
        let deadline = ContinuousClock.now.advanced(by: .seconds(request.timeoutSeconds))
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: TransferContinuation) in
                queue.submit(
                    WaitingTransfer(id: id, request: request, deadline: deadline, continuation: continuation))
                // The handler below may have run before the transfer was queued, and found nothing.
                if Task.isCancelled { queue.cancel(id) }
            }
        } onCancel: {
            queue.cancel(id)
        }
        return try result.get()
    }

    /// Ends every transfer with `CurlError.stopped` and returns when the thread has freed what it held.
    public func shutdown() async {
        queue.stop()
        await queue.waitForEnd()
    }
}
