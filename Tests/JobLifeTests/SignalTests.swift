import Testing

@testable import JobLife

@Suite(.timeLimit(.minutes(5))) struct SignalTests {
    @Test func aSignalThatNobodyWaitsForIsKept() async {
        let signal = Signal()
        signal.send()
        await signal.wait()
    }

    @Test func severalSignalsAreOne() async {
        let signal = Signal()
        for _ in 0..<3 { signal.send() }
        await signal.wait()
        let woken = Box(false)
        // Immediate: when this returns, the task waits.
        let waiter = Task.immediate {
            await signal.wait()
            woken.change { $0 = true }
        }
        #expect(!woken.value, "the three were used up by the first wait")
        signal.send()
        await waiter.value
    }

    @Test func aSignalWakesItsWaiter() async {
        let signal = Signal()
        let waiter = Task.immediate { await signal.wait() }
        signal.send()
        await waiter.value
    }

    @Test func cancellationWakes() async {
        let signal = Signal()
        let waiter = Task.immediate { await signal.wait() }
        waiter.cancel()
        await waiter.value
        let late = Task.immediate {
            withUnsafeCurrentTask { $0?.cancel() }
            await signal.wait()
        }
        await late.value
    }

    @Test func aLimitedWaitEndsAndTheNextSignalStillWakes() async {
        let signal = Signal()
        await signal.wait(atMost: .zero)
        await signal.wait(atMost: .nanoseconds(1))
        // What the end of the limited waits left behind is at most one signal.
        await signal.wait(atMost: .zero)
        let waiter = Task.immediate { await signal.wait() }
        signal.send()
        await waiter.value
    }

    @Test func noSignalIsLostBetweenSenderAndWaiter() async {
        let (there, back) = (Signal(), Signal())
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for _ in 0..<2000 {
                    await there.wait()
                    back.send()
                }
            }
            for _ in 0..<2000 {
                there.send()
                await back.wait()
            }
        }
    }
}
