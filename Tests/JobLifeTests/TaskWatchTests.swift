import Domain
import Foundation
import ServiceLifecycle
import TestSupport
import Testing

@testable import JobLife
@testable import Reports

/// A table of tasks as the database would answer for it, and what was asked of it.
private final class Table: Sendable {
    private let content = Box<[TaskID: TaskView]>([:])
    let rounds = Box<[[TaskID]]>([])
    let isAway = Box(false)

    func set(_ id: TaskID, _ state: TaskState, _ progress: Int = 0) {
        content.change { $0[id] = view(id, state, progress) }
    }

    @Sendable func read(_ known: [TaskID: TaskView?]) async throws -> [TaskView] {
        rounds.change { $0.append(Array(known.keys)) }
        if isAway.value { throw TestFailure("away") }
        return known.compactMap { id, seen in
            guard let now = content.value[id], now.state != seen?.state || now.progress != seen?.progress else { return nil }
            return now
        }
    }
}

private func view(_ id: TaskID, _ state: TaskState, _ progress: Int) -> TaskView {
    TaskView(
        id: id, state: state, accountID: 1, account: "acme", mode: "live", model: "m", dialect: "unified", rule: .perCall,
        userGroup: "default", reserved: .zero, settled: nil, createdAt: Date(), startedAt: nil, finishedAt: nil,
        progress: progress, estimatedSeconds: 10, errorCode: nil, errorMessage: nil, imagesText: nil, callbackURL: nil,
        requestText: "{}", canStop: true)
}

/// Longer than any test may take.
private let ages = Duration.seconds(3600)

@Suite(.timeLimit(.minutes(5))) struct TaskWatchTests {
    private func withWatch(
        waitersMax: Int = 100, _ test: @Sendable (TaskWatch, Table) async throws -> Void
    ) async throws {
        let table = Table()
        let watch = TaskWatch(waitersMax: waitersMax, logger: silent, read: table.read)
        let running = Task { await watch.run() }
        try await test(watch, table)
        running.cancel()
        await running.value
    }

    @Test func whileNobodyWaitsNothingIsAsked() async throws {
        try await withWatch { watch, table in
            for _ in 0..<100 {
                watch.tasksClosed()
                await Task.yield()
            }
            #expect(table.rounds.value.isEmpty)
        }
    }

    @Test func aTaskThatIsAsWantedIsAnsweredInTheFirstRound() async throws {
        try await withWatch { watch, table in
            table.set(TaskID(1), .completed)
            let task = try await watch.task(TaskID(1), atMost: ages) { $0.state.isFinal }
            #expect(task?.state == .completed)
            #expect(table.rounds.value == [[TaskID(1)]])
        }
    }

    @Test func eachWaiterGetsTheChangeThatItWants() async throws {
        try await withWatch { watch, table in
            let id = TaskID(1)
            table.set(id, .processing, 10)
            async let half = watch.task(id, atMost: ages) { $0.progress >= 50 }
            async let end = watch.task(id, atMost: ages) { $0.state.isFinal }
            try await eventually { !table.rounds.value.isEmpty }
            table.set(id, .processing, 50)
            let changed = try await half
            #expect(changed?.progress == 50)
            table.set(id, .failed)
            let ended = try await end
            #expect(ended?.state == .failed)
        }
    }

    @Test func allAreAskedForAtOnce() async throws {
        try await withWatch { watch, table in
            let ids = (1...50).map { TaskID($0) }
            try await withThrowingTaskGroup(of: TaskView?.self) { group in
                for id in ids { group.addTask { try await watch.task(id, atMost: ages) { $0.state.isFinal } } }
                try await eventually { table.rounds.value.contains { $0.count == ids.count } }
                for id in ids { table.set(id, .completed) }
                watch.tasksClosed()
                let completed = try await group.reduce(0) { $1?.state == .completed ? $0 + 1 : $0 }
                #expect(completed == ids.count)
            }
        }
    }

    @Test func anOutageFailsNobodyBeforeTheTimeIsOver() async throws {
        try await withWatch { watch, table in
            table.isAway.change { $0 = true }
            async let answer = watch.task(TaskID(1), atMost: ages) { $0.state.isFinal }
            try await eventually { table.rounds.value.count >= 2 }
            table.set(TaskID(1), .completed)
            table.isAway.change { $0 = false }
            let ended = try await answer
            #expect(ended?.state == .completed)
            table.isAway.change { $0 = true }
            let nothing = try await watch.task(TaskID(2), atMost: .milliseconds(1)) { $0.state.isFinal }
            #expect(nothing?.state == nil)
        }
    }

    @Test func whoeverIsGoneIsForgotten() async throws {
        try await withWatch(waitersMax: 2) { watch, table in
            table.set(TaskID(1), .processing)
            for _ in 0..<5 {
                let nothing = try await watch.task(TaskID(1), atMost: .zero) { $0.state.isFinal }
                #expect(nothing?.state == nil)
                let gone = Task { try await watch.task(TaskID(1), atMost: ages) { $0.state.isFinal } }
                gone.cancel()
                _ = try? await gone.value
            }
            // There is room for two all the same.
            async let first = watch.task(TaskID(1), atMost: ages) { $0.state.isFinal }
            async let second = watch.task(TaskID(1), atMost: ages) { $0.state.isFinal }
            try await eventually { !table.rounds.value.isEmpty }
            table.set(TaskID(1), .completed)
            let ended = try await [first?.state, second?.state]
            #expect(ended == [.completed, .completed])
        }
    }

    @Test func moreThanTheNodeCanServeAreRefused() async throws {
        try await withWatch(waitersMax: 1) { watch, table in
            table.set(TaskID(1), .processing)
            async let first = watch.task(TaskID(1), atMost: ages) { $0.state.isFinal }
            try await eventually { !table.rounds.value.isEmpty }
            await #expect(throws: TaskWatch.Refusal.tooManyWaiters) {
                _ = try await watch.task(TaskID(2), atMost: ages) { $0.state.isFinal }
            }
            table.set(TaskID(1), .completed)
            let ended = try await first
            #expect(ended?.state == .completed)
        }
    }

    @Test func aNodeThatStopsLetsEverybodyGo() async throws {
        try await withWatch { watch, table in
            table.set(TaskID(1), .processing)
            let waiting = Waiting(watch: watch)
            let group = ServiceGroup(configuration: .init(services: [waiting], logger: silent))
            let running = Task { try await group.run() }
            try await eventually { !table.rounds.value.isEmpty }
            await group.triggerGracefulShutdown()
            try await running.value
            #expect(waiting.answers.value == [nil, nil])
        }
    }

    private struct Waiting: Service {
        let watch: TaskWatch
        let answers = Box<[TaskState?]>([])

        func run() async throws {
            for _ in 0..<2 {
                let answer = try await watch.task(TaskID(1), atMost: ages) { $0.state.isFinal }
                answers.change { $0.append(answer?.state) }
            }
            #expect(TaskWatch.nodeIsStopping)
        }
    }
}
