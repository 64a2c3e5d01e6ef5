import Synchronization

/// A call that came, as a test awaits it.
public struct SimulatorEvent: Sendable {
    /// What was asked.
    public let moment: Moment
    /// The job's id, where there is one.
    public let id: String?
    /// The job's prompt; empty where it is not known.
    public let prompt: String
    /// What went wrong by the script.
    public let fault: Fault?
}

/// Hands each event to one of those who wait for its kind, and keeps what nobody has awaited yet.
final class EventBoard: Sendable {
    private static let keptMax = 10_000

    private let streams: [Moment: (AsyncStream<SimulatorEvent>, AsyncStream<SimulatorEvent>.Continuation)]

    init() {
        streams = Dictionary(uniqueKeysWithValues: Moment.allCases.map {
            ($0, AsyncStream.makeStream(of: SimulatorEvent.self, bufferingPolicy: .bufferingNewest(Self.keptMax)))
        })
    }

    func tell(_ event: SimulatorEvent) { streams[event.moment]?.1.yield(event) }

    func next(_ moment: Moment) async -> SimulatorEvent? {
        var iterator = streams[moment]?.0.makeAsyncIterator()
        return await iterator?.next()
    }

    func close() { for (_, continuation) in streams.values { continuation.finish() } }
}

/// Tells everybody who waits that a job has changed.
final class ChangeBoard: Sendable {
    private struct State {
        var number = 0
        var waiters: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())

    /// Has an element for each change from now on.
    func subscribe() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.number += 1
            state.waiters[state.number] = continuation
            return state.number
        }
        continuation.onTermination = { [weak self] _ in self?.state.withLock { _ = $0.waiters.removeValue(forKey: number) } }
        return stream
    }

    func tell() { for waiter in state.withLock({ Array($0.waiters.values) }) { waiter.yield() } }
}
