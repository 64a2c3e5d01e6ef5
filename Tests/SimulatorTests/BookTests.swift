import Curl
import Domain
import Foundation
import Providers
import Simulator
import Synchronization
import TestSupport
import Testing

/// What the book keeps, what is billed, and how time goes.
@Suite(.timeLimit(.minutes(5))) struct BookTests {
    private static let key = ("idempotency-key", "order-1")

    @Test func aRepeatedSubmitIsTheSameJob() async throws {
        try await Scene.with(.init(kind: .unified)) { scene in
            let first = try await scene.submit(headers: [Self.key])
            let again = try await scene.submit(headers: [Self.key])
            #expect(again.body == first.body && first.header("idempotency-replayed") == nil)
            #expect(again.header("idempotency-replayed") == "true")
            let other = try await scene.submit("a dog", headers: [Self.key])
            #expect(other.status == 409)
            #expect(try other.error()["code"] as? String == "idempotency_conflict")
            #expect(scene.book.charged == 1 && scene.book.jobs.count == 1)
            #expect(scene.book.submits.map(\.outcome) == [.accepted, .replayed, .refused])
            #expect(scene.book.submits(forPromptContaining: "dog").map(\.idempotencyKey) == ["order-1"])
        }
    }

    /// The reason why keys exist: the answer is lost, and the repeat finds the job.
    @Test func aLostSubmitIsFoundByItsKey() async throws {
        try await Scene.with(.init(kind: .unified, faults: [.on(.submit, .resetAfter)])) { scene in
            await #expect(throws: CurlError.self) { try await scene.submit(headers: [Self.key]) }
            let lost = try #require(scene.book.submits.first?.id)
            #expect(try await scene.submit(headers: [Self.key]).object()["id"] as? String == lost)
            #expect(scene.book.charged == 1 && scene.book.submits.map(\.outcome) == [.lost, .replayed])
        }
    }

    @Test func withoutKeysEachSubmitIsCharged() async throws {
        try await Scene.with(.init(kind: .unified, quirks: [.noIdempotency])) { scene in
            for _ in 0..<2 { _ = try await scene.submit(headers: [Self.key]) }
            #expect(scene.book.charged == 2)
        }
    }

    @Test func cancellingFreesTheJob() async throws {
        try await Scene.with(.init(kind: .unified, secondsPerJob: .infinity, balance: 1)) { scene in
            let id = try await scene.accepted()
            #expect(scene.book.balance == 0)
            let reply = try await scene.cancel(id)
            #expect(reply.status == 200)
            #expect(try reply.object()["status"] as? String == "cancelled")
            #expect(scene.book.charged == 0 && scene.book.balance == 1 && scene.book.calls(.cancel) == 1)
            #expect(try await scene.cancel(id).status == 409, "it has ended already")
            #expect(try await scene.cancel("task-unified-1-00000000").status == 404)
        }
        try await Scene.with(.init(kind: .unified, quirks: [.noCancel], secondsPerJob: .infinity)) { scene in
            let id = try await scene.accepted()
            #expect(try await scene.cancel(id).status == 404)
        }
    }

    @Test func theLedgerIsReadOverHTTP() async throws {
        try await Scene.with(.init(kind: .highway, faults: [.on(.submit, .status(503), word: "dog")])) { scene in
            let id = try await scene.accepted("a cat")
            _ = try await scene.submit("a dog")
            _ = try await scene.poll(id)
            let page = try await scene.send("GET", "/_simulator", key: nil).object()
            #expect(page["kind"] as? String == "highway" && page["charged"] as? Int == 1 && page["polls"] as? Int == 1)
            let submits = try #require(page["submits"] as? [[String: Any]])
            #expect(submits.map { $0["n"] as? Int } == [1, 2] && submits.map { $0["prompt"] as? String } == ["a cat", "a dog"])
            #expect(submits.map { $0["charged"] as? Bool } == [true, false])
            #expect(submits.map { $0["outcome"] as? String } == ["accepted", "refused"])
            #expect(submits[0]["id"] as? String == id && submits[0]["amount"] as? String == "0.005")
            #expect(submits[1]["fault"] as? String == "503" && submits[0]["state"] as? String == "completed")
        }
    }

    @Test(arguments: ProviderKind.allCases) func theInvoiceHasWhatIsPaidFor(kind: ProviderKind) async throws {
        let faults: [ScriptedFault] = [.on(.submit, .failed, word: "bad"), .on(.submit, .priceChange, word: "dear")]
        try await Scene.with(.init(kind: kind, faults: faults)) { scene in
            let id = try await scene.accepted("a cat")
            _ = try await scene.submit("a bad cat")
            _ = try await scene.submit("a dear cat")
            let file = try await scene.send("GET", "/_simulator/invoice.csv", key: nil)
            #expect(file.header("content-type")?.hasPrefix("text/csv") == true && file.text == scene.simulator.invoice)
            let lines = file.text.split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
            #expect(lines.count == 3 && lines[1].first == id && lines[0] == ["task_id", "amount", "currency", "created_at"])
            #expect(lines.dropFirst().map { $0[1] } == (kind == .zimageturbo ? ["0.02", "0.04"] : ["0.005", "0.01"]))
            #expect(lines.dropFirst().map { $0[2] } == ["USD", "USD"])
        }
    }

    // MARK: time

    /// A clock that stands still until the test moves it.
    private final class Clock: Sendable {
        private let seconds = Mutex(1_790_000_000.0)
        var now: @Sendable () -> Date { { [self] in Date(timeIntervalSince1970: seconds.withLock { $0 }) } }
        func advance(_ by: Double) { seconds.withLock { $0 += by } }
    }

    @Test func aJobWaitsWorksAndEnds() async throws {
        let clock = Clock()
        try await Scene.with(.init(kind: .novita, secondsPerJob: 100, now: clock.now)) { scene in
            let id = try await scene.accepted()
            var words: [String] = []
            for step in [0.0, 30, 60, 20] {
                clock.advance(step)
                let reply = try await scene.poll(id)
                words.append(try scene.word(reply))
                let link = try scene.link(reply)
                #expect((link != nil) == (words.last == "TASK_STATUS_SUCCEED"))
            }
            #expect(words == ["TASK_STATUS_QUEUED", "TASK_STATUS_PROCESSING", "TASK_STATUS_PROCESSING", "TASK_STATUS_SUCCEED"])
        }
        try await Scene.with(.init(kind: .unified, secondsPerJob: 100, now: clock.now)) { scene in
            let id = try await scene.accepted()
            clock.advance(50)
            let half = try await scene.poll(id).object()
            #expect(half["status"] as? String == "processing" && half["progress"] as? Int == 50)
        }
    }

    @Test(arguments: Scene.hosted) func linksDieOfAge(kind: ProviderKind) async throws {
        let clock = Clock()
        try await Scene.with(.init(kind: kind, now: clock.now)) { scene in
            let (id, link) = try await scene.made()
            let life = kind == .unified ? 86_400.0 : 3600
            clock.advance(life - 1)
            #expect(try await scene.fetch(link).status == 200)
            clock.advance(2)
            #expect(try await scene.fetch(link).status == 403)
            let fresh = try #require(try scene.link(try await scene.poll(id)))
            #expect(try await scene.fetch(fresh).status == 200)
        }
    }

    @Test func callsAreAwaited() async throws {
        try await Scene.with(.init(kind: .highway)) { scene in
            async let event = scene.book.next(.submit)
            let id = try await scene.accepted("a cat")
            #expect(await event?.id == id)
            _ = try await scene.poll(id)
            #expect(await scene.book.next(.poll)?.prompt == "a cat", "what nobody awaited yet is kept")
            await scene.simulator.stop()
            #expect(await scene.book.next(.poll) == nil)
        }
    }

    @Test func stoppingEndsCallsThatHang() async throws {
        let simulator = try await Simulator.start(.init(kind: .novita, faults: [.on(.submit, .hang)]))
        let scene = Scene(simulator: simulator, transfers: Transfers(), kind: .novita)
        let call = Task { try await scene.submit() }
        _ = await simulator.book.next(.submit)
        await simulator.stop()
        await #expect(throws: (any Error).self) { try await call.value }
        await scene.transfers.shutdown()
    }

    // MARK: callbacks

    @Test(arguments: [ProviderKind.unified, .novita]) func theEndIsTold(kind: ProviderKind) async throws {
        let customer = try await FakeModerator()
        let quirks: Set<Quirk> = kind == .unified ? [.localCallbacks] : []
        let faults = [ScriptedFault.on(.submit, .duplicateCallback)]
        try await Scene.with(.init(kind: kind, faults: faults, quirks: quirks, secondsPerJob: .infinity)) { scene in
            let url = customer.url("/status/200")
            let id = try await scene.accepted(
                "a cat", kind == .unified ? #""callback_url":"\#(url)""# : #""extra":{"webhook":{"url":"\#(url)"}}"#)
            scene.book.finishAll()
            for _ in 0..<2 {
                let body = try #require(
                    try JSONSerialization.jsonObject(with: Data(try await customer.nextSeen().body.utf8)) as? [String: Any])
                if kind == .unified {
                    #expect(body["id"] as? String == id && body["status"] as? String == "completed")
                } else {
                    #expect(body["event_type"] as? String == "ASYNC_TASK_RESULT")
                    let payload = try #require(body["payload"] as? [String: Any])
                    #expect((payload["task"] as? [String: Any])?["task_id"] as? String == id)
                    #expect((payload["extra"] as? [String: Any])?["webhook"] as? [String: String] == ["url": url])
                }
            }
            #expect(scene.book.callbacks == 2)
        }
    }

    @Test func aRefusedCallbackIsRepeated() async throws {
        let customer = try await FakeModerator()
        try await Scene.with(.init(kind: .unified, quirks: [.localCallbacks])) { scene in
            _ = try await scene.accepted("a cat", #""callback_url":"\#(customer.url("/status/503"))""#)
            let first = try await customer.nextSeen().body
            #expect(try await customer.nextSeen().body == first)
        }
    }
}
