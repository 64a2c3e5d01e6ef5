import Domain
import Postgres
import Reports
import TestSupport
import Testing

extension ReportsSuites {
    @Suite struct TaskViewTests {
        private func view(_ scene: Scene, _ place: Int) async throws -> TaskView {
            try #require(try await ReportBook().task(scene.tasks[place], in: scene.database.pool))
        }

        @Test func aCompletedTaskShowsItsPicturesAndItsCost() async throws {
            let scene = try await Scene.make()
            let task = try await view(scene, 1)
            #expect(task.id == scene.tasks[1])
            #expect(task.state == .completed && task.progress == 100)
            #expect([task.account, task.mode, task.model, task.dialect, task.userGroup] ==
                ["acme", "live", "other", "unified", "default"])
            #expect(task.accountID == scene.acme.accountID)
            #expect(task.rule == .perSecond && task.estimatedSeconds == 33)
            #expect(task.reserved.micro == 50_000 && task.settled?.micro == 20_000)
            #expect(task.startedAt.map { $0 >= task.createdAt } == true)
            #expect(task.finishedAt.map { $0 >= task.createdAt } == true)
            #expect(task.errorCode == nil && task.errorMessage == nil && task.callbackURL == nil)
            #expect(task.imagesText?.contains("1/1-0.png") == true)
        }

        @Test func aFailedTaskShowsWhyAndThatItCostNothing() async throws {
            let task = try await view(try await Scene.make(), 3)
            #expect(task.state == .failed && task.settled == .zero)
            #expect([task.errorCode, task.errorMessage, task.imagesText] == ["service_error", "no", nil])
            #expect(task.progress == 0)
        }

        @Test func tasksThatLiveShowTheirProgress() async throws {
            let scene = try await Scene.make()
            let running = try await view(scene, 4)
            #expect(running.state == .processing && running.progress == 40 && running.userGroup == "vip")
            #expect(running.settled == nil && running.finishedAt == nil && running.startedAt != nil)
            let waiting = try await view(scene, 2)
            #expect(waiting.state == .pending && waiting.progress == 0 && waiting.settled == nil)
        }

        @Test func aTaskThatIsNotThereIsNil() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            #expect(try await ReportBook().task(TaskID(1), in: database.pool) == nil)
        }

        @Test func tasksAreListedNewestFirstAndNarrowed() async throws {
            let scene = try await Scene.make()
            func list(_ account: String?, _ state: TaskState?) async throws -> [Int?] {
                try await ReportBook().tasks(account: account, state: state, in: scene.database.pool)
                    .map { scene.tasks.firstIndex(of: $0.id) }
            }
            #expect(try await list(nil, nil) == [6, 5, 4, 3, 2, 1, 0])
            #expect(try await list("beta", nil) == [5, 4])
            #expect(try await list(nil, .completed) == [6, 5, 1, 0])
            #expect(try await list("acme", .pending) == [2])
            #expect(try await list("acme", .cancelled).isEmpty)
            #expect(try await list("nobody", nil).isEmpty)
        }

        @Test func aListEndsAtTwoHundred() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database, credits: "10")
            let ids = try await database.admitted((0..<201).map { _ in acme.submission() })
            let listed = try await ReportBook().tasks(account: nil, state: nil, in: database.pool).map(\.id)
            #expect(listed == ids.dropFirst().reversed())
        }
    }
}
