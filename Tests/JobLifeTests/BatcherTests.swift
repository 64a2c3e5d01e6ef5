import Testing

@testable import JobLife

/// Batches are sent by one runner; a gate in the sender decides when one is "in flight".
@Suite(.timeLimit(.minutes(5))) struct BatcherTests {
    private struct Full: Error {}
    private struct Broken: Error {}

    /// A batcher with a runner whose sender tells each batch and waits for the gate.
    private final class Bench: Sendable {
        let batcher: Batcher<String, String>
        let batches = Events<[String]>()
        let gate = Gate()
        let runner: Task<Void, Never>

        init(batchMax: Int = 100, waitingMax: Int = 100) {
            let batcher = Batcher<String, String>(
                batchMax: batchMax, waitingMax: waitingMax, overflow: Full(),
                conflictKey: { $0.first?.isLetter == true ? String($0.prefix(1)) : nil })
            self.batcher = batcher
            let (batches, gate) = (batches, gate)
            runner = Task {
                await batcher.run { items in
                    batches.add(items)
                    try? await gate.pass()
                    return items.map { $0.hasSuffix("!") ? .failure(Broken()) : .success("answer \($0)") }
                }
            }
        }

        /// Runs up to the point where the item waits in the batcher, then returns.
        func submit(_ item: String) -> Task<String, any Error> {
            Task.immediate { try await self.batcher.submit(item) }
        }
    }

    @Test func batchesGrowWhileOneIsInFlight() async throws {
        let bench = Bench()
        let first = bench.submit("1")
        #expect(await bench.batches.next() == ["1"], "a lone item goes at once")
        let rest = ["2", "3", "4", "5"].map { bench.submit($0) }
        bench.gate.open()
        #expect(await bench.batches.next() == ["2", "3", "4", "5"])
        #expect(try await first.value == "answer 1")
        for (index, task) in rest.enumerated() { #expect(try await task.value == "answer \(index + 2)") }
        bench.batcher.finish()
        await bench.runner.value
    }

    @Test func aBatchHasALimit() async throws {
        let bench = Bench(batchMax: 3)
        var tasks = [bench.submit("0")]
        _ = await bench.batches.next()
        tasks += (1...7).map { bench.submit("\($0)") }
        bench.gate.open()
        #expect(await bench.batches.next() == ["1", "2", "3"])
        #expect(await bench.batches.next() == ["4", "5", "6"])
        #expect(await bench.batches.next() == ["7"])
        for (index, task) in tasks.enumerated() { #expect(try await task.value == "answer \(index)") }
        bench.batcher.finish()
        await bench.runner.value
    }

    @Test func conflictingItemsNeverShareABatch() async throws {
        let bench = Bench()
        var tasks = [bench.submit("0")]
        _ = await bench.batches.next()
        tasks += ["a1", "1", "a2", "b1", "a3", "b2", "2"].map { bench.submit($0) }
        bench.gate.open()
        #expect(await bench.batches.next() == ["a1", "1", "b1", "2"])
        #expect(await bench.batches.next() == ["a2", "b2"])
        #expect(await bench.batches.next() == ["a3"])
        for task in tasks { _ = try await task.value }
        bench.batcher.finish()
        await bench.runner.value
    }

    @Test func overflowIsRefusedAndTheOthersAreAnswered() async throws {
        let bench = Bench(waitingMax: 2)
        let kept = ["1", "2", "3"]
        var tasks = [bench.submit(kept[0])]
        _ = await bench.batches.next()
        tasks += kept[1...].map { bench.submit($0) }
        await #expect(throws: Full.self) { try await bench.batcher.submit("4") }
        bench.gate.open()
        for (item, task) in zip(kept, tasks) { #expect(try await task.value == "answer \(item)") }
        #expect(try await bench.batcher.submit("5") == "answer 5", "there is room again")
        bench.batcher.finish()
        await bench.runner.value
    }

    @Test func finishDrainsAndRefuses() async throws {
        let bench = Bench(batchMax: 1)
        var tasks = [bench.submit("1")]
        _ = await bench.batches.next()
        tasks += [bench.submit("2"), bench.submit("3")]
        bench.batcher.finish()
        await #expect(throws: Full.self) { try await bench.batcher.submit("4") }
        bench.gate.open()
        for (index, task) in tasks.enumerated() { #expect(try await task.value == "answer \(index + 1)") }
        await bench.runner.value
    }

    @Test func aCancelledRunnerAnswersWhatWaitsAndEnds() async throws {
        let bench = Bench(batchMax: 1)
        let first = bench.submit("1")
        _ = await bench.batches.next()
        let second = bench.submit("2")
        bench.runner.cancel()
        #expect(try await first.value == "answer 1")
        #expect(try await second.value == "answer 2")
        await bench.runner.value
        await #expect(throws: Full.self) { try await bench.batcher.submit("3") }
    }

    @Test func oneFailureIsItsOwn() async throws {
        let bench = Bench()
        let first = bench.submit("1")
        _ = await bench.batches.next()
        let (good, bad, last) = (bench.submit("2"), bench.submit("3!"), bench.submit("4"))
        bench.gate.open()
        #expect(try await good.value == "answer 2")
        await #expect(throws: Broken.self) { try await bad.value }
        #expect(try await last.value == "answer 4")
        _ = try await first.value
        bench.batcher.finish()
        await bench.runner.value
    }

    @Test func manyCallersEachGetTheirOwnAnswer() async throws {
        let sent = Box<[String]>([])
        let batcher = Batcher<String, String>(batchMax: 16, waitingMax: 1000, overflow: Full())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await batcher.run { items in
                    sent.change { $0 += items }
                    return items.map { .success("answer \($0)") }
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { callers in
                for index in 0..<500 {
                    callers.addTask {
                        let answer = try await batcher.submit("\(index)")
                        #expect(answer == "answer \(index)")
                    }
                }
                try await callers.waitForAll()
            }
            batcher.finish()
        }
        let all = sent.value
        #expect(all.count == 500 && Set(all).count == 500)
    }
}
