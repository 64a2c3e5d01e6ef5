import Domain
import Foundation
import TestSupport
import Testing

@testable import Providers

@Suite(.timeLimit(.minutes(5))) struct ProviderHealthTests {
    private let now = ContinuousClock.now
    private let book = ProviderHealthBook()

    private func fails(_ kind: ProviderFault.Kind, _ message: String = "x", times: Int = 1) -> Bool {
        (0..<times).reduce(false) { _, _ in book.failed(1, ProviderFault(kind, message), at: now) }
    }

    @Test func failuresLeaveAloneTheOneWhoFailed() {
        #expect(!fails(.away, times: 4) && book.permits(1, at: now))
        #expect(fails(.failed), "the fifth is news")
        #expect(!book.permits(1, at: now) && book.permits(2, at: now))
        let later = now + .seconds(10)
        #expect(book.permits(1, at: later) && !book.permits(1, at: later), "one finds out")
        book.abandoned(1)
        #expect(book.permits(1, at: later))
        book.succeeded(1, seconds: 3)
        #expect(book.permits(1, at: later) && book.permits(1, at: later))
    }

    @Test(arguments: [ProviderFault.Kind.job, .moderated]) func aFaultOfTheJobIsAnAnswer(kind: ProviderFault.Kind) {
        #expect(!fails(.away, times: 4) && !fails(kind) && !fails(.away, times: 4))
        #expect(book.permits(1, at: now))
        #expect(book.states[1]?.lastFault == "x")
        let other = ProviderHealthBook()
        #expect(!other.failed(1, ProviderFault(kind, "rude"), at: now) && other.states[1]?.lastFault == nil)
    }

    @Test func settingsLeaveAloneAtOnceAndBusyForAsLongAsItSays() {
        #expect(fails(.settings, "its key is not valid"))
        #expect(!book.permits(1, at: now + .seconds(59)) && book.permits(1, at: now + .seconds(60)))
        #expect(book.states[1]?.lastFault == "its key is not valid")
        let busy = ProviderHealthBook()
        #expect(!busy.failed(1, ProviderFault(.busy(retryAfterSeconds: 7), "429"), at: now))
        #expect(!busy.permits(1, at: now + .seconds(6.9)) && busy.permits(1, at: now + .seconds(7)))
        #expect(!busy.failed(2, ProviderFault(.busy(retryAfterSeconds: nil), "429"), at: now))
        #expect(!busy.permits(2, at: now) && busy.permits(2, at: now + .seconds(ProviderHealth.busySeconds)))
        #expect(busy.states[1]?.circuit.failures == 0)
    }

    @Test func whatAPictureTakesIsSmoothed() {
        #expect(book.states[1] == nil)
        book.succeeded(1)
        #expect(book.states[1]?.latencySeconds == nil)
        book.succeeded(1, seconds: 10)
        #expect(book.states[1]?.latencySeconds == 10)
        book.succeeded(1, seconds: 20)
        #expect(book.states[1]?.latencySeconds == 12)
        for odd in [Double.nan, .infinity, -1] { book.succeeded(1, seconds: odd) }
        #expect(book.states[1]?.latencySeconds == 12)
    }

    /// Many at once: after a rest exactly one is permitted.
    @Test func oneProbeAmongMany() async {
        _ = fails(.away, times: 5)
        let later = now + .seconds(10)
        let permitted = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<200 { group.addTask { [book] in book.permits(1, at: later) } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(permitted == 1)
    }
}
