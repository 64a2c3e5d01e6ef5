import Domain
import Testing

@Suite struct CrashPlanTests {
    private let points: Set = ["before close_tasks", "after close_tasks"]

    @Test func itDiesAtItsPointAndNowhereElse() throws {
        var plan = try CrashPlan("after close_tasks", points: points)
        let deaths = ["before close_tasks", "after close_tasks", "after close_tasks"].map { plan.arrives(at: $0) }
        #expect(deaths == [false, true, false], "once is enough")
    }

    @Test func itDiesAtTheThirdArrival() throws {
        var plan = try CrashPlan("before close_tasks:3", points: points)
        #expect(plan.point == "before close_tasks")
        let deaths = (1...5).map { _ in
            _ = plan.arrives(at: "after close_tasks")
            return plan.arrives(at: "before close_tasks")
        }
        #expect(deaths == [false, false, true, false, false])
    }

    @Test(arguments: ["", "close_tasks", "after close", "after close_tasks ", "After close_tasks", ":1"])
    func anUnknownPointIsRefused(text: String) {
        let point = String(text.prefix { $0 != ":" })
        #expect(throws: CrashPlanError.unknownPoint(point)) { try CrashPlan(text, points: points) }
    }

    @Test(arguments: ["", "0", "-1", "x", "1000001", "1:1", " 1"])
    func aBadCountIsRefused(count: String) {
        #expect(throws: CrashPlanError.badCount(count)) { try CrashPlan("after close_tasks:\(count)", points: points) }
    }
}
