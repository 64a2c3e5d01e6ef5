import Domain
import Testing

@Suite struct AskScheduleTests {
    private let schedule = AskSchedule(firstSeconds: 1, longestSeconds: 5, hintedSeconds: 0.5)

    @Test func pausesGrowAndNeverComeTogether() {
        for (waited, middle) in [(0.0, 1.0), (4, 1), (8, 2), (20, 5), (1000, 5)] {
            #expect(schedule.pauseSeconds(waited: waited, chance: 0) == middle * 0.8)
            #expect(abs(schedule.pauseSeconds(waited: waited, chance: 1) - middle * 1.2) < 1e-9)
        }
        #expect(schedule.pauseSeconds(waited: 0, askedFor: 30, chance: 0.5) == 30)
    }

    @Test func aHintLeavesAPartOfThePause() {
        #expect(schedule.hintedSeconds(of: 5) == 0.5)
        #expect(schedule.hintedSeconds(of: 0.1) == 0.1, "never longer than without one")
        #expect(schedule.hintedSeconds(of: 30, askedFor: 30) == 30, "who asked to be left alone is")
        #expect(schedule.hintedSeconds(of: 5, askedFor: 0.1) == 0.5)
    }
}
