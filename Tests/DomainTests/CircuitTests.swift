import Domain
import TestSupport
import Testing

/// Driven by hand: a test says what time it is.
@Suite(.timeLimit(.minutes(5))) struct CircuitTests {
    private static let rule = Circuit.Rule(failuresMax: 5, restSeconds: 10, restSecondsMax: 120)
    private let start = ContinuousClock.now

    /// The macro cannot look into a mutating call.
    private final class Driven {
        var circuit: Circuit
        init(_ rule: Circuit.Rule) { circuit = Circuit(rule) }
        func permits(_ now: ContinuousClock.Instant) -> Bool { circuit.permits(at: now) }
        func failed(_ now: ContinuousClock.Instant) -> Bool { circuit.failed(at: now) }
        func opened(_ seconds: Double, _ now: ContinuousClock.Instant) -> Bool { circuit.open(forSeconds: seconds, at: now) }
        func state(_ now: ContinuousClock.Instant) -> Circuit.State { circuit.state(at: now) }
    }

    @Test func itOpensAfterFailuresInARow() {
        let rule = Circuit.Rule()
        let driven = Driven(rule)
        for _ in 1..<rule.failuresMax { #expect(driven.permits(start) && !driven.failed(start)) }
        driven.circuit.succeeded()
        for _ in 1..<rule.failuresMax { #expect(driven.permits(start) && !driven.failed(start)) }
        #expect(driven.permits(start))
        #expect(driven.failed(start), "the last of them is news")
        #expect(!driven.permits(start + .seconds(rule.restSeconds - 0.001)))
        let later = start + .seconds(rule.restSeconds)
        #expect(driven.state(later) == .due)
        #expect(driven.permits(later))
        #expect(!driven.permits(later), "one probe at a time")
        #expect(driven.state(later) == .probing)
        driven.circuit.abandoned()
        #expect(driven.permits(later), "a probe that was given up is asked again")
        #expect(!driven.failed(later), "that is no news")
        #expect(!driven.permits(later + .seconds(1)))
        #expect(driven.permits(later + .seconds(rule.restSeconds)), "without a longest rest all are alike")
        driven.circuit.succeeded()
        #expect(driven.permits(later) && driven.permits(later))
    }

    @Test func eachProbeThatFailsDoublesTheRestUpToABound() {
        let driven = Driven(Self.rule)
        for _ in 0..<5 { _ = driven.permits(start) && driven.failed(start) }
        var now = start
        for rest in [10.0, 20, 40, 80, 120, 120] {
            #expect(driven.state(now) == .open(until: now + .seconds(rest)))
            #expect(!driven.permits(now + .seconds(rest - 0.001)))
            now += .seconds(rest)
            #expect(driven.permits(now))
            #expect(!driven.failed(now))
        }
        now += .seconds(120)
        #expect(driven.permits(now))
        driven.circuit.succeeded()
        for _ in 0..<5 { _ = driven.permits(now) && driven.failed(now) }
        #expect(driven.state(now) == .open(until: now + .seconds(10)), "after it was back the first rest is short again")
    }

    @Test func answersToEarlierQuestionsNeitherLengthenTheRestNorCountAsProbes() {
        let driven = Driven(Self.rule)
        for _ in 0..<5 { _ = driven.failed(start) }
        for _ in 0..<20 { #expect(!driven.failed(start + .seconds(9))) }
        #expect(driven.state(start + .seconds(9)) == .open(until: start + .seconds(10)))
    }

    @Test func oneWhoHasEnoughToDoIsLeftAloneAndNotBroken() {
        let driven = Driven(Self.rule)
        for _ in 0..<4 { _ = driven.failed(start) }
        driven.circuit.busy(forSeconds: 30, at: start)
        driven.circuit.busy(forSeconds: 3, at: start)
        #expect(driven.state(start) == .busy(until: start + .seconds(30)), "the longer wish counts")
        driven.circuit.succeeded()
        #expect(!driven.permits(start + .seconds(29.9)), "an answer to another question does not end it")
        let later = start + .seconds(30)
        #expect(driven.permits(later) && driven.permits(later), "nobody has to find out whether it is back")
        driven.circuit.busy(forSeconds: 1e9, at: later)
        #expect(driven.state(later) == .busy(until: later + .seconds(Circuit.busySecondsMax)), "nobody rules himself out for ever")
        #expect(driven.circuit.failures == 0)
    }

    @Test func aProbeThatIsToldToWaitWaits() {
        let driven = Driven(Self.rule)
        for _ in 0..<5 { _ = driven.failed(start) }
        let due = start + .seconds(10)
        #expect(driven.permits(due))
        driven.circuit.busy(forSeconds: 7, at: due)
        #expect(driven.state(due) == .busy(until: due + .seconds(7)))
        #expect(driven.permits(due + .seconds(7)) && !driven.permits(due + .seconds(7)), "still one probe at a time")
    }

    @Test func whatOnlyAnOperatorCanRepairOpensItAtOnce() {
        let driven = Driven(Self.rule)
        #expect(driven.permits(start))
        #expect(driven.opened(60, start))
        #expect(!driven.opened(60, start), "told once")
        #expect(driven.state(start) == .open(until: start + .seconds(60)))
        let due = start + .seconds(60)
        #expect(driven.permits(due))
        #expect(!driven.opened(60, due))
        #expect(driven.state(due) == .open(until: due + .seconds(120)))
    }

    @Test func aProbeThatIsNotAnsweredHoldsNobodyUpForEver() {
        let driven = Driven(Self.rule)
        for _ in 0..<5 { _ = driven.failed(start) }
        let due = start + .seconds(10)
        #expect(driven.permits(due))
        let later = due + .seconds(Self.rule.probeSecondsMax)
        #expect(!driven.permits(later - .seconds(0.001)))
        #expect(driven.permits(later) && !driven.permits(later), "another finds out")
        driven.circuit.succeeded(asked: due)
        #expect(driven.permits(later) && driven.permits(later))
    }

    @Test func anAnswerToAQuestionFromBeforeDoesNotBringItBack() {
        let driven = Driven(Self.rule)
        for _ in 0..<5 { _ = driven.failed(start) }
        driven.circuit.succeeded(asked: start - .seconds(1))
        #expect(driven.circuit.isOpen)
        #expect(driven.permits(start + .seconds(10)))
        driven.circuit.succeeded(asked: start - .seconds(1))
        #expect(driven.circuit.isProbing)
        driven.circuit.succeeded(asked: start + .seconds(10))
        #expect(!driven.circuit.isOpen)
    }

    /// What it says after any course of events is what a plain reading of the rules says.
    @Test(arguments: 0..<UInt64(40)) func itDoesWhatAPlainModelDoes(seed: UInt64) {
        var chance = SeededGenerator(state: TestSeed.value &+ seed)
        let driven = Driven(Self.rule)
        var model = Model()
        var now = start
        var seconds = 0.0
        for step in 0..<400 {
            switch Int.random(in: 0..<10, using: &chance) {
            case 0...3: #expect(driven.permits(now) == model.permits(seconds), "step \(step)")
            case 4, 5: #expect(driven.failed(now) == model.failed(seconds), "step \(step)")
            case 6:
                driven.circuit.succeeded()
                model.succeeded()
            case 7:
                let wish = Double(Int.random(in: 1...20, using: &chance))
                driven.circuit.busy(forSeconds: wish, at: now)
                model.busy(wish, seconds)
            case 8:
                driven.circuit.abandoned()
                model.probeUntil = nil
            default:
                let passed = Double(Int.random(in: 1...40, using: &chance))
                seconds += passed
                now += .seconds(passed)
            }
        }
    }

    /// The rules, with seconds for the clock.
    private struct Model {
        var failures = 0
        var rest: Double?
        var openFrom = 0.0
        var busyUntil = 0.0
        var probeUntil: Double?

        mutating func permits(_ now: Double) -> Bool {
            guard let rest else { return now >= busyUntil }
            if now < probeUntil ?? 0 || now < openFrom + rest || now < busyUntil { return false }
            probeUntil = now + 120
            return true
        }

        mutating func failed(_ now: Double) -> Bool {
            failures += 1
            if rest == nil, failures >= 5 {
                (rest, openFrom, probeUntil) = (10, now, nil)
                return true
            }
            if let old = rest, probeUntil != nil { (rest, openFrom, probeUntil) = (min(120, old * 2), now, nil) }
            return false
        }

        mutating func succeeded() { (failures, rest, probeUntil) = (0, nil, nil) }

        mutating func busy(_ wish: Double, _ now: Double) {
            probeUntil = nil
            busyUntil = max(busyUntil, now + wish)
        }
    }
}
