public import Domain
public import Foundation
import Synchronization

/// How well a provider does, as one node knows it.
public struct ProviderHealth: Sendable, Equatable {
    /// Five failures in a row open the circuit; the rests are 10, 20, 40, 80 and then always 120 seconds.
    public static let rule = Circuit.Rule(failuresMax: 5, restSeconds: 10, restSecondsMax: 120)
    /// How long one is left alone whose key, balance or address is not right.
    public static let settingsRestSeconds = 60.0
    /// How long one is left alone that has enough to do and does not say for how long.
    public static let busySeconds = 2.0

    /// Whether it is asked at all.
    public internal(set) var circuit = Circuit(ProviderHealth.rule)
    /// What a picture takes, in seconds: each counts a fifth, what was known before four.
    public internal(set) var latencySeconds: Double?
    /// What went wrong last.
    public internal(set) var lastFault: String?
    /// When.
    public internal(set) var lastFaultAt: Date?
    /// Its jobs over all nodes. Nodes know that from the database, so whoever chooses sets it.
    public var running = 0
    /// Its submits of the last minute over all nodes; set like ``running``.
    public var submittedLastMinute = 0

    /// Nothing is known.
    public init() {}

    mutating func succeeded(seconds: Double?) {
        circuit.succeeded()
        guard let seconds, seconds.isFinite, seconds >= 0 else { return }
        latencySeconds = latencySeconds.map { $0 + (seconds - $0) / 5 } ?? seconds
    }

    /// - Returns: whether this is news: it is left alone from now on because something is wrong with it.
    mutating func failed(_ fault: ProviderFault, at now: ContinuousClock.Instant, date: Date) -> Bool {
        guard fault.countsAgainstProvider else {
            // It answered, and well: the job is at fault.
            circuit.succeeded()
            return false
        }
        lastFault = fault.message
        lastFaultAt = date
        switch fault.kind {
        case .job, .moderated: return false
        case .busy(let seconds):
            circuit.busy(forSeconds: seconds ?? Self.busySeconds, at: now)
            return false
        case .settings: return circuit.open(forSeconds: Self.settingsRestSeconds, at: now)
        case .away, .failed: return circuit.failed(at: now)
        }
    }
}

/// The health of every provider, as one node knows it from its own calls.
public final class ProviderHealthBook: Sendable {
    private let known = Mutex<[Int32: ProviderHealth]>([:])

    /// Nothing is known.
    public init() {}

    /// Whether a job may be submitted now. Whoever was permitted one must say how it went, as soon as the provider has
    /// answered the submit: after failures it may be the one that all others wait for.
    public func permits(_ id: Int32, at now: ContinuousClock.Instant = .now) -> Bool {
        change(id) { $0.circuit.permits(at: now) }
    }

    /// It took a job or made a picture.
    /// - Parameter seconds: what a picture took from the submit on; nil where it is not made yet.
    public func succeeded(_ id: Int32, seconds: Double? = nil) { change(id) { $0.succeeded(seconds: seconds) } }

    /// It did not. A fault that lies in the job counts as an answer like any other.
    /// - Returns: whether it is worth a line in the log: it is left alone from now on because something is wrong with it.
    @discardableResult
    public func failed(
        _ id: Int32, _ fault: ProviderFault, at now: ContinuousClock.Instant = .now, date: Date = Date()
    ) -> Bool {
        change(id) { $0.failed(fault, at: now, date: date) }
    }

    /// The call was given up by us, which says nothing about the provider.
    public func abandoned(_ id: Int32) { change(id) { $0.circuit.abandoned() } }

    /// What is known, by the provider's number.
    public var states: [Int32: ProviderHealth] { known.withLock(\.self) }

    private func change<Answer: Sendable>(_ id: Int32, _ change: (inout ProviderHealth) -> Answer) -> Answer {
        known.withLock { change(&$0[id, default: ProviderHealth()]) }
    }
}
