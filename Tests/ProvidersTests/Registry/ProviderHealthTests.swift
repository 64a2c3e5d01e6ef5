import Domain
import Foundation
import TestSupport
import Testing

@testable import Providers

@Suite(.timeLimit(.minutes(5))) struct ProviderHealthTests {
    private let now = ContinuousClock.now
    private let book = ProviderHealthBook()

    private func refuse(_ kind: ProviderFault.Kind, times: Int = 1, _ book: ProviderHealthBook? = nil, id: Int32 = 1) {
        for _ in 0..<times { (book ?? self.book).take(id, .refused(ProviderFault(kind, "x"), seconds: 0), at: now) }
    }

    private func permission(after seconds: Double = 0, id: Int32 = 1) -> SubmitPermission {
        book.permission(id, at: now + .seconds(seconds))
    }

    @Test func failuresLeaveAloneTheOneWhoFailed() {
        refuse(.away, times: 4)
        #expect(permission() == .yes)
        refuse(.failed)
        #expect(permission() == .no && permission(id: 2) == .yes)
        #expect(permission(after: 10) == .trial && permission(after: 10) == .no, "one finds out")
        book.take(1, .abandoned, at: now + .seconds(10))
        #expect(permission(after: 10) == .trial)
        book.take(1, .made(seconds: 3), at: now + .seconds(13))
        #expect(permission(after: 13) == .yes && permission(after: 13) == .yes)
    }

    /// It accepts each job and makes none, as bad as one that accepts none.
    @Test func whoTakesEveryJobAndMakesNoneIsLeftAlone() {
        for round in 1...5 {
            #expect(permission() == .yes, "job \(round)")
            book.take(1, .accepted(seconds: 1), at: now)
            book.take(1, .jobFailed(ProviderFault(.failed, "no picture")), at: now)
        }
        #expect(permission() == .no)
        #expect(book.states[1]?.state(at: now).rest?.text == "left alone for 10 s after 5 failures: no picture")
        #expect(permission(after: 10) == .trial)
        book.take(1, .accepted(seconds: 1), at: now + .seconds(11))
        #expect(permission(after: 11) == .no, "whether it is back is known when the picture is there")
        book.take(1, .jobFailed(ProviderFault(.failed, "no picture")), at: now + .seconds(12))
        #expect(permission(after: 31.9) == .no && permission(after: 32) == .trial, "the rest is twice as long")
        book.take(1, .jobMade(seconds: 3, asked: now - .seconds(5)), at: now + .seconds(33))
        #expect(permission(after: 33) == .no, "a job from before says nothing")
        book.take(1, .jobMade(seconds: 3, asked: now + .seconds(32)), at: now + .seconds(35))
        #expect(permission(after: 35) == .yes)
    }

    @Test func aPictureAmongFailuresKeepsIt() {
        for _ in 0..<20 {
            for _ in 0..<4 { book.take(1, .jobFailed(ProviderFault(.failed, "x")), at: now) }
            book.take(1, .jobMade(seconds: 1, asked: now), at: now)
        }
        #expect(permission() == .yes)
    }

    /// One that hangs is not given all the jobs that arrive until the first call has timed out.
    @Test func whoOwesAnswersGetsNoMoreJobs() {
        for _ in 0..<5 { #expect(permission() == .yes) }
        #expect(permission(after: 29) == .yes, "nobody knows yet what an answer takes")
        #expect(permission(after: 31) == .no)
        #expect(book.states[1]?.state(at: now + .seconds(31)).rest?.text == "6 submits wait, and none was answered for 31 s")
        book.take(1, .accepted(seconds: 31), at: now + .seconds(31))
        #expect(permission(after: 31) == .yes, "it lives")
        #expect(permission(after: 31 + 94) == .no, "three times what an answer takes is too long")
        for _ in 0..<6 { book.take(1, .lost("timed out"), at: now + .seconds(130)) }
        #expect(permission(after: 130) == .no && permission(after: 140) == .trial)
        // Known to answer quickly.
        for _ in 0..<6 { #expect(permission(id: 2) == .yes) }
        book.take(2, .accepted(seconds: 0.2), at: now)
        #expect(permission(after: 5, id: 2) == .yes && permission(after: 5.1, id: 2) == .no)
        for _ in 0..<3 { book.take(2, .abandoned, at: now) }
        #expect(permission(after: 60, id: 2) == .yes, "fewer say nothing")
    }

    @Test(arguments: [ProviderFault.Kind.job, .moderated]) func aFaultOfTheJobIsAnAnswer(kind: ProviderFault.Kind) {
        refuse(.away, times: 4)
        refuse(kind)
        refuse(.away, times: 4)
        #expect(permission() == .yes)
        #expect(book.states[1]?.lastFault == "x")
        let other = ProviderHealthBook()
        refuse(kind, other)
        #expect(other.states[1]?.lastFault == nil)
    }

    @Test func settingsLeaveAloneAtOnceAndBusyForAsLongAsItSays() {
        refuse(.settings)
        #expect(permission(after: 59) == .no && permission(after: 60) == .trial)
        refuse(.busy(retryAfterSeconds: 7), id: 2)
        #expect(permission(after: 6.9, id: 2) == .no && permission(after: 7, id: 2) == .yes)
        refuse(.busy(retryAfterSeconds: nil), id: 3)
        #expect(permission(id: 3) == .no && permission(after: ProviderHealth.busySeconds, id: 3) == .yes)
        #expect(book.states[2]?.circuit.failures == 0)
        book.take(4, .limited(seconds: 3, "it has had as many requests as it may"), at: now)
        #expect(permission(after: 2.9, id: 4) == .no && permission(after: 3, id: 4) == .yes)
    }

    @Test func whatAPictureTakesIsSmoothed() {
        #expect(book.states[1] == nil)
        book.take(1, .accepted(seconds: 1), at: now)
        #expect(book.states[1]?.latencySeconds == nil)
        book.take(1, .made(seconds: 10), at: now)
        #expect(book.states[1]?.latencySeconds == 10)
        book.take(1, .jobMade(seconds: 20, asked: nil), at: now)
        #expect(book.states[1]?.latencySeconds == 12)
        for odd in [Double.nan, .infinity, -1] { book.take(1, .jobMade(seconds: odd, asked: now), at: now) }
        #expect(book.states[1]?.latencySeconds == 12)
    }

    /// Many at once: after a rest exactly one is permitted.
    @Test func oneProbeAmongMany() async {
        refuse(.away, times: 5)
        let later = now + .seconds(10)
        let permitted = await withTaskGroup(of: SubmitPermission.self) { group in
            for _ in 0..<200 { group.addTask { [book] in book.permission(1, at: later) } }
            return await group.reduce(0) { $0 + ($1 == .no ? 0 : 1) }
        }
        #expect(permitted == 1)
    }
}
