import Domain
import Providers
import Queue
import Reports
import Simulator
import TestSupport
import Testing

@testable import JobLife

/// Tasks that are withdrawn while a provider works on them: at each moment of an attempt, and with every fault that the call has
/// by which the provider is asked to stop.
@Suite(.timeLimit(.minutes(2))) struct CancelMatrixTests {
    // MARK: faults of the call to stop

    @Test func whatCannotBeStoppedIsKnownWithItsCost() async throws {
        let cells = MatrixCell.all([.cancel], hasSecond: [true])
        #expect(Set(cells.map { Self.isStoppable($0) }) == [true, false] && cells.count >= 50, "\(cells.count)")
        try await MatrixRun.with(
            cells, secondsPerJob: .infinity, heartbeatSeconds: 0.05, isAwaited: { $1.moment == .poll },
            { run in
                try await run.submitAll { cell in try await Self.withdraw(cell, byCustomer: Self.isStoppable(cell), run) }
                for count in 1...2 {
                    try await run.askLate()
                    let stories = try await run.stories()
                    for cell in cells {
                        let isStopped = Self.isStoppable(cell) && (Self.happens(cell.fault) || !cell.isAlways && count == 2)
                        // The attempt may have heard of it before it knew that its task was withdrawn.
                        let words = isStopped ? ["faulty refused cancelled", "faulty refused failed"] : ["faulty accepted"]
                        #expect(words.map { [$0] }.contains(stories[cell.number] ?? []), "\(cell)")
                    }
                }
                for cell in cells where Self.isStoppable(cell) { try await eventually { run.seen.faults(cell) > 0 } }
                try run.setFaults([])
                for simulator in run.simulators.values { simulator.book.finishAll() }
                try await run.askLate()
                let ends = try await run.ends()
                for cell in cells {
                    #expect(run.seen.calls(cell, .cancel) == 0 || Self.isStoppable(cell), "\(cell): nobody knows how")
                    let isStopped = Self.isStoppable(cell) && (Self.happens(cell.fault) || !cell.isAlways)
                    try Self.check(cell, ends[cell.number], isBilled: !isStopped, state: isStopped ? .refused : .made)
                }
            })
    }

    /// Only this product says how.
    private static func isStoppable(_ cell: MatrixCell) -> Bool { cell.subject.engine == .zimage || cell.subject.engine == .reference }

    /// Whether the provider stops and only its answer is lost.
    private static func happens(_ fault: Fault) -> Bool {
        switch fault {
        case .slow, .hangAfter, .resetAfter, .badGatewayAfter, .garbage: true
        default: false
        }
    }

    /// Withdraws a running task: its customer, or an operator where the customer may not.
    private static func withdraw(_ cell: MatrixCell, byCustomer: Bool, _ run: MatrixRun) async throws {
        let (house, id) = (run.house, run.task(cell))
        let task = try #require(try await ReportBook().task(id, in: house.database.pool), "\(cell)")
        let outcome = try await Cancel(house.database.pool, queue: house.queue, closed: {})(task, walletID: house.tenant.walletID)
        #expect(outcome == (byCustomer ? .cancelled : .unstoppable), "\(cell)")
        if byCustomer { return }
        let verdicts = try await house.queue.cancel([id], walletID: nil, alsoRunning: true, in: house.database.pool)
        #expect(verdicts[id] == .cancelled, "\(cell)")
    }

    /// - Parameter state: of the only submit.
    private static func check(_ cell: MatrixCell, _ end: CellEnd?, isBilled: Bool, state: SubmitState) throws {
        let end = try #require(end, "\(cell)")
        #expect(end.task == ["cancelled", "task_cancelled", "0"], "\(cell): \(end)")
        #expect(end.story.count == 1 && end.story[0].hasPrefix("faulty \(state.rawValue)"), "\(cell): \(end)")
        #expect(end.bills == (isBilled ? ["faulty \(cell.subject.price.micro)"] : []), "\(cell): \(end)")
        #expect(end.charged.compactMap { $0 }.reduce(0, +) <= end.bills.count, "\(cell): a bill that nobody knows of")
        if state != .abandoned { #expect(end.charged[0] ?? 0 == (isBilled ? 1 : 0), "\(cell): \(end)") }
    }

    // MARK: each moment

    private static let novita = MatrixSubject(kind: .novita)
    private static let ours = MatrixSubject(kind: .unified, engine: .zimage)

    private static func cells(_ list: [(MatrixSubject, Moment, Fault)]) -> [MatrixCell] {
        list.enumerated().map { index, entry in
            MatrixCell(
                number: index, subject: entry.0, moment: entry.1, fault: entry.2, isAlways: true, hasSecond: true, patienceSeconds: 60)
        }
    }

    @Test func whatIsPaidWhenATaskIsWithdrawnStaysKnown() async throws {
        let cells = Self.cells([
            (Self.novita, .submit, .hangAfter), (Self.ours, .submit, .hangAfter), (Self.novita, .poll, .hang),
            (Self.novita, .fetch, .hang), (Self.ours, .fetch, .hang),
        ])
        try await MatrixRun.with(cells, heartbeatSeconds: 0.05) { run in
            try await run.submitAll { cell in
                // While nobody knows whether it is made, and while it is made, only those are withdrawn that can be stopped.
                try await Self.withdraw(cell, byCustomer: cell.moment == .fetch || Self.isStoppable(cell), run)
            }
            // The calls end with the attempts, which learn by the next heartbeat that nobody waits any more.
            let during: [Moment: String] = [.submit: "faulty unknown unknown", .poll: "faulty accepted", .fetch: "faulty made"]
            for cell in cells { try await eventually { try await run.story(cell) == [during[cell.moment]] } }
            #expect(try await run.house.tenant.balance(run.house.database) == (1_000_000_000, 0, 0))
            try run.setFaults([])
            try await run.house.database.rows("update provider_submits set deadline = clock_timestamp() where state = 'unknown'")
            try await run.askLate()
            let ends = try await run.ends()
            for cell in cells {
                try Self.check(cell, ends[cell.number], isBilled: true, state: cell.moment == .submit ? .abandoned : .made)
            }
        }
    }

    @Test func whatIsUnderWayIsStoppedWithItsTask() async throws {
        // A changed price is nothing that the call notices; it waits because the job does.
        let cells = Self.cells([
            (Self.ours, .poll, .hang), (MatrixSubject(kind: .openaiImages, engine: .reference), .submit, .priceChange),
            (MatrixSubject(kind: .openaiImages, engine: .reference, bills: false), .submit, .priceChange),
        ])
        try await MatrixRun.with(cells, secondsPerJob: .infinity, heartbeatSeconds: 0.05) { run in
            try await run.submitAll { cell in try await Self.withdraw(cell, byCustomer: true, run) }
            let during = ["faulty accepted", "faulty unknown unknown", "faulty refused away"]
            for (cell, line) in zip(cells, during) { try await eventually { try await run.story(cell) == [line] } }
            // The engine notices that its caller has gone.
            for cell in cells.dropFirst() { try await eventually { run.simulators[cell.subject]?.book.charged == 0 } }
            try await run.house.database.rows("update provider_submits set deadline = clock_timestamp() where state = 'unknown'")
            try await run.askLate()
            let ends = try await run.ends()
            try Self.check(cells[0], ends[0], isBilled: false, state: .refused)
            // It says so to nobody, so it may bill it.
            try Self.check(cells[1], ends[1], isBilled: true, state: .abandoned)
            try Self.check(cells[2], ends[2], isBilled: false, state: .refused)
            #expect(try await run.story(cells[0]) == ["faulty refused cancelled"])
        }
    }
}
