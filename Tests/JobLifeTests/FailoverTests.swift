import Domain
import Providers
import TestSupport
import Testing

@testable import JobLife

/// One provider fails at everything while another works. The clock of the circuits is the test's.
@Suite(.timeLimit(.minutes(5))) struct FailoverTests {
    private static let away = SubmitAnswer.refused(ProviderFault(.away, "503"))

    /// The first is asked before the second.
    private func withTwo(
        _ first: Remote, _ second: Remote, slots: Int = 4, _ test: @escaping @Sendable (House, HandClock) async throws -> Void
    ) async throws {
        let clock = HandClock()
        try await withHouse(slots: slots, remotes: [first, second], clock: clock) { house in try await test(house, clock) }
    }

    /// Jobs one after the other; every customer gets a picture.
    private func serve(_ count: Int, _ house: House) async throws {
        for _ in 0..<count {
            let id = try await house.submit()
            try await eventually { try await ["pending", "processing"].contains(house.task(id)[0]) == false }
            #expect(try await house.task(id) == ["completed", "26000", nil])
        }
    }

    @Test func whoFailsAtEverythingIsLeftTriedGentlyAndTakenBack() async throws {
        let (first, second) = (Remote("first", submits: [Self.away]), Remote("second"))
        try await withTwo(first, second) { house, clock in
            try await serve(12, house)
            #expect(first.submitted.value.count == 5, "however many jobs there are")
            for rest in [10.0, 20, 40] {
                let before = first.submitted.value.count
                clock.pass(rest - 0.1)
                try await serve(1, house)
                #expect(first.submitted.value.count == before)
                clock.pass(0.1)
                try await serve(3, house)
                #expect(first.submitted.value.count == before + 1, "one finds out")
            }
            first.answerSubmits([.accepted(id: "p-1")])
            clock.pass(80)
            let before = second.submitted.value.count
            try await serve(3, house)
            #expect(first.submitted.value.count == 11 && second.submitted.value.count == before, "it has its share again")
        }
    }

    @Test func whoTakesJobsAndMakesNoneIsLeftToo() async throws {
        let fault = ProviderFault(.failed, "no picture came of it")
        let (first, second) = (Remote("first", polls: [.failed(fault)]), Remote("second"))
        try await withTwo(first, second) { house, clock in
            try await serve(12, house)
            #expect(first.submitted.value.count == 5)
            clock.pass(10)
            try await serve(3, house)
            #expect(first.submitted.value.count == 6)
            first.answerPolls([.made(ProviderPicture(.link("/x")))])
            clock.pass(20)
            try await serve(3, house)
            #expect(first.submitted.value.count == 9)
        }
    }

    /// Jobs that hang stay where they are, because they may be billed; all others pass them, on a node with one slot.
    @Test func whoHangsHoldsUpNobodyElse() async throws {
        let gate = Gate()
        let (first, second) = (Remote("first", gate: gate), Remote("second"))
        try await withTwo(first, second, slots: 1) { house, clock in
            var hanging: [TaskID] = []
            for _ in 0..<5 {
                hanging.append(try await house.submit())
                _ = await first.submits.next()
            }
            clock.pass(31)
            try await serve(6, house)
            #expect(first.submitted.value.count == 5 && second.submitted.value.count == 6)
            gate.open()
            // Several may be closed with one word.
            try await eventually { try await house.database.number("select count(*) from tasks where state = 'completed'") == 11 }
            for id in hanging { #expect(try await house.task(id) == ["completed", "26000", nil]) }
            try await serve(2, house)
            #expect(first.submitted.value.count == 7)
        }
    }

    /// No job is risked at one that does not even answer a question that costs nothing.
    @Test func whoIsNotThereIsTriedWithoutAJob() async throws {
        let (first, second) = (Remote("first", submits: [Self.away]), Remote("second"))
        try await withTwo(first, second) { house, clock in
            try await serve(6, house)
            #expect(first.submitted.value.count == 5 && first.tests.value == 0)
            first.isReached.change { $0 = false }
            clock.pass(10)
            try await serve(3, house)
            #expect(first.submitted.value.count == 5 && first.tests.value == 1)
            first.isReached.change { $0 = true }
            first.answerSubmits([.accepted(id: "p-1")])
            clock.pass(20)
            try await serve(3, house)
            #expect(first.submitted.value.count == 8 && first.tests.value == 2)
        }
    }
}
