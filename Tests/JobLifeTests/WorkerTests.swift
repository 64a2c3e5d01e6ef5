import Domain
import Images
import Postgres
import Providers
import Queue
import TestSupport
import Testing

@testable import JobLife

/// Worker, Attempt and Close together, on a real database with a provider that the test controls.
@Suite(.timeLimit(.minutes(5))) struct WorkerTests {
    private struct Crash: Error {}

    @Test func aPictureCompletesItsTask() async throws {
        try await withHouse { job, progress in
            progress(50)
            return Array("\(job.image.prompt) \(job.image.seed)".utf8)
        } _: { house in
            let id = try await house.submit()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["completed", "26000", nil])
            guard case .put(let path)? = await house.store.events.next() else { throw TestFailure("no picture") }
            #expect(path.hour == 2, "the node's clock says 7200 seconds")
            #expect(try await house.store.read(path) == Array("a cat 7".utf8))
            let images = try await house.database.rows(
                "select images->0->>'path', images->0->>'width', images->0->>'bytes', jsonb_array_length(images) from tasks")
            #expect(images == [[path.text, "376", "7", "1"]])
            let attempts = try await house.database.rows("select number, node, provider, outcome from attempts")
            #expect(attempts == [["1", "house", "fake", "completed"]])
            let balance = try await house.tenant.balance(house.database)
            #expect([balance.available, balance.reserved, balance.settled] == [974_000, 0, 26_000])
        }
    }

    @Test func failuresAreRefunded() async throws {
        try await withHouse { job, _ in
            switch job.image.prompt {
            case "policy": throw ProviderFault(.moderated, "refused")
            case "crash": throw Crash()
            default: return [1]
            }
        } _: { house in
            let policy = try await house.submit("policy")
            _ = await house.closed.next()
            #expect(try await house.task(policy) == ["failed", "0", "content_policy_violation"])
            let crash = try await house.submit("crash")
            _ = await house.closed.next()
            #expect(try await house.task(crash) == ["failed", "0", "service_error"])
            let message = try await house.database.rows("select error_message from tasks where id = \(crash.value)")
            #expect(message == [[TaskFailure.serviceError.message]], "no word of the crash itself")
            let balance = try await house.tenant.balance(house.database)
            #expect([balance.available, balance.reserved, balance.settled] == [1_000_000, 0, 0])
            #expect(try await house.database.number("select count(*) from entries where kind = 'refund'") == 2)
        }
    }

    @Test func aPictureThatCannotBeStoredIsRefunded() async throws {
        let started = Events<Void>()
        let gate = Gate()
        try await withHouse { _, _ in
            started.add(())
            try await gate.pass()
            return [1]
        } _: { house in
            let id = try await house.submit()
            _ = await started.next()
            // A file where the store wants its folder.
            try house.store.breakFolder()
            gate.open()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["failed", "0", "service_error"])
        }
    }

    @Test func anAttemptWhoseLeaseWasLostWritesNothing() async throws {
        let started = Events<Void>()
        let gate = Gate()
        // No heartbeat tells this attempt: it learns of its loss when it wants to close.
        try await withHouse { _, _ in
            started.add(())
            try await gate.pass()
            return [1, 2, 3]
        } _: { house in
            let id = try await house.submit()
            _ = await started.next()
            let other = try await Self.steal(house)
            gate.open()
            guard case .put(let path)? = await house.store.events.next() else { throw TestFailure("no picture") }
            #expect(await house.store.events.next() == .delete(path), "nothing refers to it")
            #expect(try await house.task(id) == ["processing", nil, nil])
            #expect(try await house.database.number("select count(*) from entries where kind <> 'grant'") == 1)
            // The one who has the lease ends it.
            let ending = Ending(lease: other.lease, outcome: .failed(code: "x", message: "x"), units: 0, provider: nil)
            #expect(try await house.queue.close([ending], in: house.database.pool) == [other.lease: .closed])
            let attempts = try await house.database.rows("select number, node, outcome from attempts order by number")
            #expect(attempts == [["1", "house", "lost"], ["2", "other", "failed"]])
        }
    }

    @Test(arguments: [true, false]) func aHeartbeatStopsAnAttemptWhoseLeaseWasLost(listens: Bool) async throws {
        let (started, stopped) = (Events<Void>(), Events<Void>())
        let (gate, deafGate) = (Gate(), Gate())
        try await withHouse(slots: 1, heartbeatSeconds: 0.02) { job, _ in
            if job.image.prompt == "quick" { return [1] }
            started.add(())
            do { try await gate.pass() } catch {
                stopped.add(())
                // A provider that does not listen delivers all the same.
                if listens { throw error }
                await deafGate.passDeaf()
            }
            return [1, 2, 3]
        } _: { house in
            let id = try await house.submit()
            _ = await started.next()
            let other = try await Self.steal(house)
            #expect(await stopped.next() != nil, "the heartbeat found the lease lost and cancelled the attempt")
            deafGate.open()
            if !listens {
                guard case .put(let path)? = await house.store.events.next() else { throw TestFailure("no picture") }
                #expect(await house.store.events.next() == .delete(path))
            }
            #expect(try await house.task(id) == ["processing", nil, nil])
            // The slot is free again.
            let quick = try await house.submit("quick")
            _ = await house.closed.next()
            #expect(try await house.task(quick) == ["completed", "26000", nil])
            let ending = Ending(lease: other.lease, outcome: .failed(code: "x", message: "x"), units: 0, provider: nil)
            #expect(try await house.queue.close([ending], in: house.database.pool) == [other.lease: .closed])
        }
    }

    @Test func heartbeatsKeepTheLeaseAndTellTheProgress() async throws {
        let (started, gate) = (Events<Void>(), Gate())
        try await withHouse(heartbeatSeconds: 0.02) { _, progress in
            progress(40)
            progress(400)
            started.add(())
            try await gate.pass()
            return [1]
        } _: { house in
            let id = try await house.submit()
            _ = await started.next()
            try await house.database.rows("update leases set until = now() + interval '1 second'")
            // 99: only the end of a task makes it 100.
            try await eventually {
                try await house.database.number(
                    "select count(*) from leases where progress = 99 and until > now() + interval '30 seconds'") == 1
            }
            gate.open()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["completed", "26000", nil])
        }
    }

    @Test func noMoreTasksRunThanThereAreSlots() async throws {
        let running = Box((now: 0, most: 0))
        let (started, gate) = (Events<Void>(), Gate())
        try await withHouse(slots: 3) { _, _ in
            running.change {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            started.add(())
            try await gate.pass()
            running.change { $0.now -= 1 }
            return [1]
        } _: { house in
            for _ in 0..<10 { try await house.submit() }
            for _ in 0..<3 { _ = await started.next() }
            #expect(try await house.database.number("select count(*) from queue") == 7)
            gate.open()
            try await eventually {
                try await house.database.number("select count(*) from tasks where state = 'completed'") == 10
            }
            #expect(running.value.most == 3)
        }
    }

    @Test func aNodeThatStopsFinishesWhatRuns() async throws {
        let (started, gate) = (Events<Void>(), Gate())
        try await withHouse { _, _ in
            started.add(())
            try await gate.pass()
            return [1]
        } _: { house in
            let id = try await house.submit()
            _ = await started.next()
            await house.stop()
            gate.open()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["completed", "26000", nil])
        }
    }

    @Test func aNodeThatMustStopNowHandsBack() async throws {
        let (started, gate) = (Events<Void>(), Gate())
        let database = Box<TestDatabase?>(nil)
        try await withHouse(graceSeconds: 0) { _, _ in
            started.add(())
            try await gate.pass()
            return [1]
        } _: { house in
            database.change { $0 = house.database }
            for _ in 0..<2 { try await house.submit() }
            for _ in 0..<2 { _ = await started.next() }
        }
        // The house has stopped, and its proof is clean.
        let left = try #require(database.value)
        #expect(try await left.rows("select state, settled from tasks") == [["pending", nil], ["pending", nil]])
        #expect(try await left.rows("select attempts from queue") == [["1"], ["1"]])
        let attempts = try await left.rows("select number, outcome from attempts")
        #expect(attempts == [["1", "handed_back"], ["1", "handed_back"]])
        let again = try await TaskQueue(leaseSeconds: 60).claim(node: "b", limit: 5, afterWallet: 0, in: left.pool)
        #expect(again.map(\.attempt) == [2, 2])
    }

    /// Makes the worker's lease run out, and gives the task to another node. One transaction of the owner: the worker can
    /// neither renew the lease in between nor claim the task again.
    private static func steal(_ house: House) async throws -> ClaimedTask {
        let claimed = try await house.database.owner.transaction { transaction in
            try await transaction.execute(
                Statement("run_out", "update leases set until = clock_timestamp() - interval '1 second'"))
            #expect(try await house.queue.rescue(in: transaction) == 1)
            return try await house.queue.claim(node: "other", limit: 1, afterWallet: 0, in: transaction)
        }
        return try #require(claimed.first)
    }
}
