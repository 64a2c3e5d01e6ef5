import Domain
import Postgres
import Providers
import Simulator
import TestSupport
import Testing

@testable import JobLife

/// Every fault that a provider can have, at each moment of an attempt, of each kind: how the job ends, what is paid for it, what
/// is expected to be billed, and what is told about it.
@Suite(.timeLimit(.minutes(5))) struct FaultMatrixTests {
    @Test func everyFaultEndsInARightStateWithTheMoneyThatItCosts() async throws {
        let cells = MatrixCell.all([.submit, .poll, .fetch])
        #expect(Set(cells.map(\.subject.kind)) == Set(ProviderKind.allCases) && cells.count > 500, "\(cells.count)")
        for cell in cells { #expect(MatrixRule(cell) != nil, "\(cell) has no rule yet") }
        try await MatrixRun.with(cells, deadlineSeconds: { MatrixRule($0)?.needsDeadline == true ? 5 : 600 }) { run in
            try await run.submitAll()
            try await run.settle { cell, submits in
                // One that is tried again against its rule ends too, and its story tells.
                MatrixRule(cell).map { $0.waits && submits >= $0.submitsMin } ?? true || submits >= 4
            }
            // Whoever is still asked goes on having its fault, so nothing may be found out.
            try await run.askLate()
            let stories = try await run.stories()
            for cell in cells {
                #expect(run.seen.faults(cell) >= 1, "\(cell): it never happened")
                #expect(stories[cell.number] == MatrixRule(cell)?.story, "\(cell)")
            }
            for (subject, simulator) in run.simulators {
                #expect(simulator.faultsLeft.filter { $0.times != nil } == [], "\(subject)")
            }
            try run.setFaults([])
            try await run.askLate()
            let ends = try await run.ends()
            for cell in cells { try Self.check(cell, #require(ends[cell.number])) }
            #expect(try await run.withoutReason().map(\.description) == [])
            #expect(try await run.house.database.number("select count(*) from leases") == 0)
            let balance = try await run.house.tenant.balance(run.house.database)
            #expect(balance.reserved == 0 && balance.available + balance.settled == 1_000_000_000)
        }
    }

    private static func check(_ cell: MatrixCell, _ end: CellEnd) throws {
        #expect(end == MatrixRule(cell)?.end, "\(cell)")
        let charged = end.charged.compactMap { $0 }.reduce(0, +)
        #expect(charged <= 1, "\(cell): paid \(charged) times")
        #expect(charged <= end.bills.count, "\(cell): a bill that nobody knows of")
    }
}
