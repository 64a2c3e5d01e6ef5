public import Foundation
import Synchronization

/// The health of every provider, as one node knows it from its own calls.
public final class ProviderHealthBook: Sendable {
    private let known = Mutex<[Int32: ProviderHealth]>([:])

    /// Nothing is known.
    public init() {}

    /// Whether a job may be submitted now. Whoever may must say what became of the submit: until then it counts
    /// as one that the provider owes an answer, and after failures it may be the one that all others wait for.
    public func permission(_ id: Int32, at now: ContinuousClock.Instant = .now) -> SubmitPermission {
        change(id) { $0.permission(at: now) }
    }

    /// Something became of a job.
    public func take(_ id: Int32, _ event: ProviderEvent, at now: ContinuousClock.Instant = .now, date: Date = Date()) {
        change(id) { $0.take(event, at: now, date: date) }
    }

    /// What is known, by the provider's number.
    public var states: [Int32: ProviderHealth] { known.withLock(\.self) }

    /// What choices at a moment go by.
    public func states(at now: ContinuousClock.Instant) -> [Int32: ProviderState] { states.mapValues { $0.state(at: now) } }

    private func change<Answer: Sendable>(_ id: Int32, _ change: (inout ProviderHealth) -> Answer) -> Answer {
        known.withLock { change(&$0[id, default: ProviderHealth()]) }
    }
}
