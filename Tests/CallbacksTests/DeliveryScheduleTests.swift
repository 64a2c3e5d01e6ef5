import Testing

@testable import Callbacks

@Suite struct DeliveryScheduleTests {
    @Test func theWholeScheduleWithoutSpread() {
        let delays = (1...10).map { DeliverySchedule.nextDelaySeconds(afterAttempt: $0, jitter: 0.5) }
        #expect(delays == [1, 2, 4, 300, 1_800, 7_200, 18_000, 36_000, 36_000, nil])
        #expect(DeliverySchedule.attemptsMax == 10)
    }

    @Test(arguments: [(0.0, 270.0), (1.0, 330.0), (-5.0, 270.0), (9.0, 330.0)])
    func slowDelaysSpreadByATenth(jitter: Double, expected: Double) throws {
        let delay = try #require(DeliverySchedule.nextDelaySeconds(afterAttempt: 4, jitter: jitter))
        #expect(abs(delay - expected) < 0.001)
    }

    @Test func quickDelaysAreExact() {
        #expect(DeliverySchedule.nextDelaySeconds(afterAttempt: 3, jitter: 0) == 4)
        #expect(DeliverySchedule.nextDelaySeconds(afterAttempt: 3, jitter: 1) == 4)
    }

    @Test func oddAttemptNumbersAreHarmless() {
        #expect(DeliverySchedule.nextDelaySeconds(afterAttempt: 0, jitter: 0.5) == 0)
        #expect(DeliverySchedule.nextDelaySeconds(afterAttempt: -3, jitter: 0.5) == 0)
        #expect(DeliverySchedule.nextDelaySeconds(afterAttempt: .max, jitter: 0.5) == nil)
    }

    @Test func aJitterThatIsNotANumberStaysInTheRange() throws {
        let delay = try #require(DeliverySchedule.nextDelaySeconds(afterAttempt: 4, jitter: .nan))
        #expect((270...330).contains(delay))
    }

    @Test func goneEndsIt() {
        #expect(DeliverySchedule.nextDelaySeconds(afterAttempt: 1, reason: .gone, retryAfterSeconds: nil, jitter: 0) == nil)
        #expect(DeliverySchedule.nextDelaySeconds(afterAttempt: 1, reason: .gone, retryAfterSeconds: 9, jitter: 0) == nil)
    }

    private static let asked: [(Int, Int?, Double?)] = [
        (1, nil, 1), (1, 60, 60), (3, 2, 4), (4, 60, 300), (4, 3600, 3600), (10, 60, nil),
    ]

    @Test(arguments: asked)
    func nobodyIsCalledSoonerThanTheyAsk(attempt: Int, asked: Int?, expected: Double?) {
        for reason in DeliveryFailure.allCases where reason != .gone {
            let delay = DeliverySchedule.nextDelaySeconds(
                afterAttempt: attempt, reason: reason, retryAfterSeconds: asked, jitter: 0.5)
            #expect(delay == expected, "\(reason)")
        }
    }
}
