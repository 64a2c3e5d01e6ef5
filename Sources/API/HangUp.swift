public import NIOCore
import Synchronization

/// Whether the client at the other end of a connection is still there: each connection of a server has one. Nothing else
/// tells a request that waits, because it neither reads nor writes. A client that only closes its own side while it waits
/// looks the same, and is answered as if its time were over.
public final class HangUp: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    public typealias InboundIn = NIOAny

    private struct State {
        var isGone = false
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var next: UInt64 = 0
    }

    private let state = Mutex(State())

    /// For one new connection.
    public init() {}

    /// Whether the client has gone.
    var isGone: Bool { state.withLock { $0.isGone } }

    /// Returns when the client has gone, or when the task is cancelled.
    @Sendable func wait() async {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    // Asked under the lock: a cancel that comes later finds the waiter.
                    if state.isGone || Task.isCancelled { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }

    private func tell() {
        let waiters = state.withLock { state in
            state.isGone = true
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { tell() }
        context.fireUserInboundEventTriggered(event)
    }

    public func channelInactive(context: ChannelHandlerContext) {
        tell()
        context.fireChannelInactive()
    }
}
