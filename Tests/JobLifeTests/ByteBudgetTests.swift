import JobLife
import TestSupport
import Testing

/// Pictures that are in memory at once.
@Suite(.timeLimit(.minutes(1))) struct ByteBudgetTests {
    @Test func roomIsGivenOnceAndComesBack() async throws {
        let budget = ByteBudget(bytesMax: 10)
        let first = try #require(budget.room(6))
        var second = budget.room(4)
        #expect(second != nil && budget.room(1) == nil && budget.room(0) != nil)
        second = nil
        try await eventually { second = second ?? budget.room(4); return second != nil }
        #expect(budget.room(1) == nil)
        withExtendedLifetime((first, second)) {}
    }

    @Test func whatIsLargerThanAllIsThereAlone() async throws {
        let budget = ByteBudget(bytesMax: 10)
        let small = try #require(budget.room(1))
        #expect(budget.room(11) == nil)
        withExtendedLifetime(small) {}
        let large = try #require(ByteBudget(bytesMax: 10).room(11))
        withExtendedLifetime(large) {}
    }

    /// Whoever reads slowly keeps a room for a time only.
    @Test func aRoomThatIsHeldTooLongComesBackOnce() async throws {
        let budget = ByteBudget(bytesMax: 10)
        let held = try #require(budget.room(10, atMostSeconds: 0.01))
        var next: ByteRoom?
        try await eventually { next = next ?? budget.room(10); return next != nil }
        withExtendedLifetime(held) {}
        #expect(budget.room(1) == nil, "and not a second time")
        withExtendedLifetime(next) {}
    }
}
