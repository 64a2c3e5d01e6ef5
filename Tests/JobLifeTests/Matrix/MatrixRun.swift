import Curl
import Domain
import Providers
import Queue
import Reports
import Simulator
import Synchronization
import TestSupport
import Testing

@testable import JobLife

/// The calls of cells that simulators were asked.
final class CallsSeen: Sendable {
    private struct Known {
        var faults = 0
        var calls: [Moment: Int] = [:]
    }

    private let cells: [Int: MatrixCell]
    private let known = Mutex<[Int: Known]>([:])
    private let signals: [Int: Signal]
    private let isAwaited: @Sendable (MatrixCell, SimulatorEvent) -> Bool

    init(_ cells: [MatrixCell], isAwaited: @escaping @Sendable (MatrixCell, SimulatorEvent) -> Bool) {
        self.cells = Dictionary(uniqueKeysWithValues: cells.map { ($0.number, $0) })
        signals = self.cells.mapValues { _ in Signal() }
        self.isAwaited = isAwaited
    }

    /// Notes all calls of a kind until the simulator stops.
    func follow(_ simulator: Simulator, _ moment: Moment) async {
        while let event = await simulator.book.next(moment) {
            guard let number = MatrixCell.number(in: event.prompt), let cell = cells[number] else { continue }
            known.withLock { known in
                known[number, default: Known()].calls[moment, default: 0] += 1
                if moment == cell.moment, event.fault == cell.fault { known[number, default: Known()].faults += 1 }
            }
            if isAwaited(cell, event) { signals[number]?.send() }
        }
    }

    /// Returns when the awaited call has come; not much later also where it does not, which the counts then tell.
    func awaited(_ cell: MatrixCell) async { await signals[cell.number]?.wait(atMost: .seconds(30)) }

    /// How often its fault has happened.
    func faults(_ cell: MatrixCell) -> Int { known.withLock { $0[cell.number]?.faults ?? 0 } }
    func calls(_ cell: MatrixCell, _ moment: Moment) -> Int { known.withLock { $0[cell.number]?.calls[moment] ?? 0 } }
}

/// A house with one provider for each cell, all of them played by simulators, and one second provider for those that have one.
struct MatrixRun: Sendable {
    static let secondPrice: Int64 = 5000
    /// What is drawn: as large as an engine was asked for, and anything where it is made fit here.
    private static let pictures = (
        inline: TestPictures.png(width: 256, height: 256, 200, 10, 30), linked: TestPictures.png(width: 64, height: 64, 10, 200, 30))
    private static let key = "simulated-key"
    /// Cells that are on their way to their faults at once. All that comes after these is not bounded.
    private static let underWayMax = 48

    let cells: [MatrixCell]
    let house: House
    let simulators: [MatrixSubject: Simulator]
    let second: Simulator
    let seen: CallsSeen
    private let tasks = Box<[Int: TaskID]>([:])
    private let closed = Signal()

    /// - Parameters:
    ///   - secondsPerJob: infinity for jobs that go on until the simulators are told to finish them.
    ///   - deadlineSeconds: how long a cell's job may stay without an answer.
    ///   - isAwaited: see ``CallsSeen/awaited(_:)``.
    static func with(
        _ cells: [MatrixCell], secondsPerJob: Double = 0, heartbeatSeconds: Double = 1000,
        deadlineSeconds: @escaping @Sendable (MatrixCell) -> Int = { _ in 600 },
        isAwaited: @escaping @Sendable (MatrixCell, SimulatorEvent) -> Bool = { $1.moment == $0.moment && $1.fault == $0.fault },
        _ test: @escaping @Sendable (MatrixRun) async throws -> Void
    ) async throws {
        let simulators = try await start(cells, secondsPerJob: secondsPerJob)
        let second = try await Simulator.start(settings(.novita))
        let seen = CallsSeen(cells, isAwaited: isAwaited)
        let transfers = Transfers()
        let access = ProviderAccess(transfers: transfers, egress: EgressRule())
        let result: Result<Void, any Error>
        do {
            try await withHouse(
                slots: 32, heartbeatSeconds: heartbeatSeconds, credits: "1000",
                // Seldom once a job takes long: hundreds of them are asked for until their deadlines.
                schedule: AskSchedule(firstSeconds: 0.05, longestSeconds: 1),
                providers: { database in
                    let providers = try await Self.providers(cells, simulators, second, deadlineSeconds, in: database)
                    return ProviderSnapshot(providers) { ProviderKind.provider($0, access) }
                },
                { house in
                    let run = MatrixRun(cells: cells, house: house, simulators: simulators, second: second, seen: seen)
                    try await run.followed { try await test(run) }
                })
            result = .success(())
        } catch { result = .failure(error) }
        await transfers.shutdown()
        for simulator in simulators.values { await simulator.stop() }
        await second.stop()
        try result.get()
    }

    private static func start(_ cells: [MatrixCell], secondsPerJob: Double) async throws -> [MatrixSubject: Simulator] {
        var simulators: [MatrixSubject: Simulator] = [:]
        for (subject, cells) in Dictionary(grouping: cells, by: \.subject) {
            var played = settings(subject.kind)
            played.faults = cells.map(\.script)
            played.secondsPerJob = secondsPerJob
            simulators[subject] = try await Simulator.start(played)
        }
        return simulators
    }

    private static func settings(_ kind: ProviderKind) -> Simulator.Settings {
        Simulator.Settings(kind: kind, key: key, draw: { $0.isInline ? pictures.inline : pictures.linked })
    }

    /// Puts them into the database: one for each cell, and the second one at the end.
    private static func providers(
        _ cells: [MatrixCell], _ simulators: [MatrixSubject: Simulator], _ second: Simulator,
        _ deadlineSeconds: (MatrixCell) -> Int, in database: TestDatabase
    ) async throws -> [RoutedProvider] {
        var providers = cells.enumerated().map { index, cell in
            let subject = cell.subject
            return RoutedProvider(
                id: Int32(index + 1),
                settings: ProviderSettings(
                    name: cell.provider, kind: subject.kind, engine: subject.engine, baseURL: simulators[subject]?.url ?? "",
                    secret: key, allowsPrivate: true, cost: subject.bills ? subject.price : nil,
                    timeoutSeconds: Double(cell.timeoutSeconds)),
                deadlineSeconds: deadlineSeconds(cell),
                routes: [ProviderRoute(model: cell.model, upstreamModel: "z-image-turbo", priority: 1)])
        }
        providers.append(RoutedProvider(
            id: Int32(cells.count + 1),
            settings: ProviderSettings(
                name: "second", kind: .novita, baseURL: second.url, secret: key, allowsPrivate: true,
                cost: ProviderCost(micro: secondPrice, currency: "USD")),
            routes: cells.filter(\.hasSecond).map { ProviderRoute(model: $0.model, upstreamModel: "z-image-turbo", priority: 2) }))
        let rows = providers.map { provider in
            let cost = provider.settings.cost.map { "\($0.micro), '\($0.currency)'" } ?? "null, null"
            return "(\(provider.id), '\(provider.name)', '\(provider.settings.kind.rawValue)', '\(provider.settings.baseURL)', \(cost), "
                // Only a row that an operator writes needs a deadline behind its timeout.
                + "1, \(provider.deadlineSeconds))"
        }
        try await database.rows(
            """
            insert into providers (id, name, kind, base_url, cost, currency, timeout_seconds, deadline_seconds)
            overriding system value values \(rows.joined(separator: ", "));
            insert into models (name) values \(cells.map { "('\($0.model)')" }.joined(separator: ", "));
            insert into prices (group_id, model_id, operation, rule, amount, units_max, effective_from)
            select g.id, m.id, 'generate', 'per_call', 26000, 1, '2000-01-01' from user_groups g, models m
            where g.name = 'default' and m.name like 'model-%'
            """)
        return providers
    }

    /// Listens to all simulators while something is done.
    private func followed(_ test: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for simulator in Array(simulators.values) + [second] {
                for moment in Moment.allCases { group.addTask { await seen.follow(simulator, moment) } }
            }
            group.addTask { while await house.closed.next() != nil { closed.send() } }
            defer { group.cancelAll() }
            try await test()
        }
    }

    // MARK: what happens

    func task(_ cell: MatrixCell) -> TaskID { tasks.value[cell.number] ?? TaskID(0) }

    /// Submits the jobs of all cells, those first whose faults are noticed by time alone, and returns when each has had its
    /// awaited call; `then` comes after that of each.
    func submitAll(then: @escaping @Sendable (MatrixCell) async throws -> Void = { _ in }) async throws {
        let ordered = cells.filter(\.isSilent) + cells.filter { !$0.isSilent }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, cell) in ordered.enumerated() {
                if index >= Self.underWayMax { try await group.next() }
                group.addTask {
                    let id = try await admit(house.database, cell.submission(house.tenant))
                    tasks.change { $0[cell.number] = id }
                    house.hints.heard()
                    await seen.awaited(cell)
                    try await then(cell)
                }
            }
            try await group.waitForAll()
        }
    }

    /// The cells whose tasks have not ended, with the number of their submits where they are put aside and nil where they run.
    private func open() async throws -> [(cell: MatrixCell, submitsAside: Int?)] {
        let rows = try await house.database.rows(
            """
            select t.id, (select count(*) from provider_submits s where s.task_id = t.id and l.deferred)
            from tasks t left join leases l on l.task_id = t.id where t.finished_at is null
            """)
        let numbers = Dictionary(tasks.value.map { ("\($1.value)", $0) }) { first, _ in first }
        return rows.compactMap { row in
            guard let number = row[0].flatMap({ numbers[$0] }), let count = row[1].flatMap({ Int($0) }) else { return nil }
            return (cells[number], count > 0 ? count : nil)
        }
    }

    /// Lets the house work until every task has ended.
    /// - Parameter isAsideForGood: tells of a task that is put aside, after so many submits, whether to end it as if it had looked
    ///   for a provider for as long as a task may.
    func settle(isAsideForGood: (_ cell: MatrixCell, _ submits: Int) -> Bool = { _, _ in false }) async throws {
        while true {
            let open = try await open()
            if open.isEmpty { return }
            if Task.isCancelled { throw TestFailure("it did not end in time") }
            for (cell, submits) in open {
                guard let submits, isAsideForGood(cell, submits) else { continue }
                #expect(try await house.task(task(cell)) == ["processing", nil, nil], "\(cell)")
                try await house.database.rows(
                    "update tasks set started_at = started_at - interval '11 minutes' where id = \(task(cell).value);"
                        + "update leases set until = clock_timestamp() where deferred and task_id = \(task(cell).value)")
            }
            if try await house.queue.returnAside(in: house.database.pool) > 0 { house.hints.heard() }
            await closed.wait(atMost: .milliseconds(100))
        }
    }

    /// Asks for what has outlived its task, as if the pause since the last time were over.
    func askLate() async throws {
        try await house.database.rows("update provider_submits set ask_at = clock_timestamp() where ended_at is null")
        while await house.late() > 0 {}
    }

    func setFaults(_ faults: [ScriptedFault]) throws { for simulator in simulators.values { try simulator.setFaults(faults) } }

    // MARK: what has become of it

    /// What `zadmin task show` tells of a cell's submits.
    func submits(_ cell: MatrixCell) async throws -> [StoredSubmit] {
        try await SubmitBook().submits(of: task(cell), in: house.database.pool)
    }

    func story(_ cell: MatrixCell) async throws -> [String] {
        Self.story(try await submits(cell).map { [name($0.provider, cell), $0.state.rawValue, $0.fault] })
    }

    /// The same of all cells, by their numbers, from the view that it is read from.
    func stories() async throws -> [Int: [String]] {
        let rows = try await byCell("select task_id, provider, state, fault from submit_views order by id")
        return rows.mapValues(Self.story)
    }

    /// Provider, state and fault of each submit, in words.
    private static func story(_ submits: [[String?]]) -> [String] {
        submits.reduce(into: []) { lines, submit in
            let line = submit.compactMap { $0 }.joined(separator: " ")
            if [line, line + " ..."].contains(lines.last) { lines[lines.count - 1] = line + " ..." } else { lines.append(line) }
        }
    }

    /// What is told of the ends of all tasks, by the numbers of their cells.
    func ends() async throws -> [Int: CellEnd] {
        let known = Dictionary(uniqueKeysWithValues: tasks.value.values.map { ($0, TaskView?.none) })
        let views = try await ReportBook().changedTasks(known, in: house.database.pool)
        let attempts = try await byCell("select task_id, provider, outcome from attempts order by task_id, number")
        let bills = try await byCell("select task_id, provider, coalesce(cost::text, '-') from expected_bills order by number")
        let stories = try await stories()
        let byID = Dictionary(uniqueKeysWithValues: views.map { ($0.id, $0) })
        return Dictionary(uniqueKeysWithValues: cells.map { cell in
            let (view, last) = (byID[task(cell)], attempts[cell.number]?.last)
            let charged = simulators[cell.subject]?.book.charged(forPromptContaining: cell.word)
            return (cell.number, CellEnd(
                task: [view?.state.rawValue, view?.errorCode, view?.settled.map { "\($0.micro)" }], story: stories[cell.number] ?? [],
                attempt: [last?[1], last?[0]],
                charged: [cell.subject.bills ? charged : nil, second.book.charged(forPromptContaining: cell.word)],
                bills: (bills[cell.number] ?? []).map { $0.compactMap { $0 }.joined(separator: " ") }))
        })
    }

    /// Cells with a submit that did not make a picture and of which is not told why.
    func withoutReason() async throws -> [MatrixCell] {
        let rows = try await byCell("select task_id, provider from submit_views where state <> 'made' and coalesce(message, '') = ''")
        return cells.filter { rows[$0.number] != nil }
    }

    /// The rows of each cell without their first column, its task; the second is a provider's name.
    private func byCell(_ sql: String) async throws -> [Int: [[String?]]] {
        let numbers = Dictionary(uniqueKeysWithValues: tasks.value.map { ("\($1.value)", $0) })
        return try await house.database.rows(sql).reduce(into: [:]) { all, row in
            guard let number = row[0].flatMap({ numbers[$0] }) else { return }
            all[number, default: []].append([row[1].map { name($0, cells[number]) }] + row.dropFirst(2))
        }
    }

    private func name(_ provider: String, _ cell: MatrixCell) -> String { provider == cell.provider ? "faulty" : provider }
}
