public import Domain
public import Foundation

/// What became of a job at a provider, as far as it tells how the provider does.
public enum ProviderEvent: Sendable {
    /// The submit was not made after all, or was given up by us.
    case abandoned
    /// It took the job, after so many seconds.
    case accepted(seconds: Double)
    /// It answered the submit with the picture, after so many seconds.
    case made(seconds: Double)
    /// It answered the submit with a no, after so many seconds.
    case refused(ProviderFault, seconds: Double)
    /// The submit was not answered; why.
    case lost(String)
    /// A job that it had taken is made, so many seconds after it took it.
    /// - Parameter asked: when it was submitted; nil when that was before this node knew of it.
    case jobMade(seconds: Double, asked: ContinuousClock.Instant?)
    /// A job that it had taken ended without a picture, or is not answered for.
    case jobFailed(ProviderFault)
    /// It may not be sent more for so many seconds, by the operator's own limit; which.
    case limited(seconds: Double, String)
}

/// Whether a job may be submitted.
public enum SubmitPermission: Sendable, Equatable {
    case yes, no
    /// It is the one that finds out whether the provider is back.
    case trial
}

/// How well a provider does, as one node knows it.
///
/// Submits and the jobs that come of them are counted apart: one that takes every job and makes no picture is as useless as
/// one that takes none.
public struct ProviderHealth: Sendable, Equatable {
    /// Five failures in a row open the circuit; the rests are 10, 20, 40, 80 and then always 120 seconds.
    public static let rule = Circuit.Rule(failuresMax: 5, restSeconds: 10, restSecondsMax: 120)
    /// How long one is left alone whose key, balance or address is not right.
    public static let settingsRestSeconds = 60.0
    /// How long one is left alone that has enough to do and does not say for how long.
    public static let busySeconds = 2.0
    /// One that owes answers to as many submits as failures would open its circuit gets no more when none has come for this
    /// long, or for three times what an answer takes; before the first answer nobody knows what one takes.
    static let (silentSecondsMin, silentSecondsUnknown) = (5.0, 30.0)

    /// Whether it is asked at all.
    public private(set) var circuit = Circuit(ProviderHealth.rule)
    /// Jobs that it took and that ended without a picture, in a row.
    public private(set) var jobFailures = 0
    /// What a picture takes, in seconds: each counts a fifth, what was known before four.
    public private(set) var latencySeconds: Double?
    /// What went wrong last.
    public private(set) var lastFault: String?
    /// When.
    public private(set) var lastFaultAt: Date?
    private var answerSeconds: Double?
    /// Submits under way.
    private var owed = 0
    /// The last answer, or the first of the submits under way when none has come since.
    private var owesSince: ContinuousClock.Instant?

    /// Nothing is known.
    public init() {}

    mutating func permission(at now: ContinuousClock.Instant) -> SubmitPermission {
        guard silentSeconds(at: now) == nil, circuit.permits(at: now) else { return .no }
        owed += 1
        if owed == 1 { owesSince = now }
        return circuit.isProbing ? .trial : .yes
    }

    mutating func take(_ event: ProviderEvent, at now: ContinuousClock.Instant, date: Date) {
        switch event {
        case .abandoned:
            paid(at: nil)
            circuit.abandoned()
        case .accepted(let seconds):
            answered(after: seconds, at: now)
            // Whether it is back is known when the picture is there.
            if !circuit.isOpen { circuit.succeeded() }
        case .made(let seconds):
            answered(after: seconds, at: now)
            picture(seconds, asked: now - .seconds(seconds))
        case .refused(let fault, let seconds):
            // One that is away may have answered nothing at all.
            if fault.kind == .away { paid(at: nil) } else { answered(after: seconds, at: now) }
            failed(fault, asked: now - .seconds(seconds), at: now, date: date) { $0.failed(at: now) }
        case .lost(let reason):
            paid(at: nil)
            failed(ProviderFault(.away, reason), asked: now, at: now, date: date) { $0.failed(at: now) }
        case .jobMade(let seconds, let asked): picture(seconds, asked: asked ?? now - .seconds(86_400))
        case .jobFailed(let fault):
            jobFailures += 1
            let isTold = jobFailures >= Self.rule.failuresMax && (!circuit.isOpen || circuit.isProbing)
            let asked = circuit.isProbing ? now : now - .seconds(86_400)
            failed(fault, asked: asked, at: now, date: date) { circuit in
                isTold ? circuit.open(forSeconds: Self.rule.restSeconds, at: now) : false
            }
        case .limited(let seconds, let why):
            paid(at: nil)
            circuit.abandoned()
            failed(ProviderFault(.busy(retryAfterSeconds: seconds), why), asked: now, at: now, date: date) { _ in false }
        }
    }

    private mutating func picture(_ seconds: Double, asked: ContinuousClock.Instant) {
        jobFailures = 0
        if circuit.isOpen { circuit.succeeded(asked: asked) }
        latencySeconds = Self.smoothed(latencySeconds, seconds)
    }

    private mutating func failed(
        _ fault: ProviderFault, asked: ContinuousClock.Instant, at now: ContinuousClock.Instant, date: Date,
        _ count: (inout Circuit) -> Bool
    ) {
        guard fault.countsAgainstProvider else {
            // It answered, and well: the job is at fault.
            jobFailures = 0
            circuit.succeeded(asked: asked)
            return
        }
        lastFault = fault.message
        lastFaultAt = date
        switch fault.kind {
        case .job, .moderated: break
        case .busy(let seconds): circuit.busy(forSeconds: seconds ?? Self.busySeconds, at: now)
        case .settings: _ = circuit.open(forSeconds: Self.settingsRestSeconds, at: now)
        case .away, .failed: _ = count(&circuit)
        }
    }

    // MARK: answers that are owed

    private mutating func answered(after seconds: Double, at now: ContinuousClock.Instant) {
        paid(at: now)
        answerSeconds = Self.smoothed(answerSeconds, seconds)
    }

    private mutating func paid(at answer: ContinuousClock.Instant?) {
        owed = max(owed - 1, 0)
        owesSince = owed == 0 ? nil : answer ?? owesSince
    }

    private static func smoothed(_ known: Double?, _ seconds: Double) -> Double? {
        guard seconds.isFinite, seconds >= 0 else { return known }
        return known.map { $0 + (seconds - $0) / 5 } ?? seconds
    }

    /// For how long it has answered none of the submits under way; nil while that is nothing to worry about.
    private func silentSeconds(at now: ContinuousClock.Instant) -> Double? {
        guard owed >= Self.rule.failuresMax, let owesSince else { return nil }
        let seconds = (now - owesSince) / .seconds(1)
        let patience = answerSeconds.map { max(Self.silentSecondsMin, $0 * 3) } ?? Self.silentSecondsUnknown
        return seconds > patience ? seconds : nil
    }

    // MARK: what it means for who chooses

    /// What a choice at a moment goes by.
    public func state(at now: ContinuousClock.Instant) -> ProviderState {
        let isDue = circuit.state(at: now) == .due
        let note = isDue ? "the next job finds out whether it is back" + (lastFault.map { ": \($0)" } ?? "") : nil
        return ProviderState(rest: rest(at: now), note: note, latencySeconds: latencySeconds)
    }

    /// Why it gets no jobs at a moment, and for how long; nil when it may have one.
    private func rest(at now: ContinuousClock.Instant) -> ProviderRest? {
        let last = lastFault.map { ": \($0)" } ?? ""
        func left(_ until: ContinuousClock.Instant, _ kind: ProviderRest.Kind, _ why: String) -> ProviderRest {
            ProviderRest(kind, seconds: (until - now) / .seconds(1), why: why + last)
        }
        switch circuit.state(at: now) {
        case .open(let until):
            let failures = max(circuit.failures, jobFailures)
            return left(until, .failing, "after " + (failures == 1 ? "a failure" : "\(failures) failures"))
        case .probing: return ProviderRest(.tried, seconds: 1, why: "one job finds out whether it is back\(last)")
        case .busy(let until): return left(until, .busy, "because it has enough to do")
        case .closed, .due:
            guard let seconds = silentSeconds(at: now) else { return nil }
            return ProviderRest(.silent, seconds: 1, why: "\(owed) submits wait, and none was answered for \(Int(seconds)) s")
        }
    }
}
