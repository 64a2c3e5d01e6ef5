import Admission
import Domain
import TestSupport
import Testing

extension AdmissionSuites {
    @Suite struct TaskNumbersTests {
        @Test func concurrentTakersOfTwoNodesNeverShareANumber() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 4)
            let nodes = [TaskNumbers(), TaskNumbers()]
            let taken = try await withThrowingTaskGroup(of: [Int64].self) { group in
                for taker in 0..<12 {
                    group.addTask {
                        var mine: [Int64] = []
                        for count in [1, 300, 0, 7, 900, 2] {
                            let part = try await nodes[taker % 2].take(count, in: database.pool).map(\.value)
                            #expect(part.count == count)
                            mine += part
                        }
                        return mine
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(Set(taken).count == 12 * 1210)
            #expect(taken.min().map { $0 >= 1 } == true)
        }

        @Test func aBlockIsUsedUpBeforeTheNextIsDrawn() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let numbers = TaskNumbers()
            for _ in 0..<8 { _ = try await numbers.take(128, in: database.pool) }
            #expect(try await database.number("select last_value from task_id_blocks") == 1024)
            let ids = try await numbers.take(1, in: database.pool)
            #expect(ids.map(\.value) == [1025])
        }
    }
}
