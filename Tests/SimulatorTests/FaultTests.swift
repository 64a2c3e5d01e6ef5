import Curl
import Foundation
import Providers
import Simulator
import Testing

/// Each fault at each moment of each kind, as the caller sees it and as the book has it.
@Suite(.timeLimit(.minutes(5))) struct FaultTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let kind: ProviderKind
        let moment: Moment
        let fault: Fault
        var testDescription: String { "\(kind.rawValue) \(moment.rawValue) \(fault.text)" }
    }

    static let cases = ProviderKind.allCases.flatMap { kind in
        Moment.allCases.flatMap { moment in
            Fault.possible(kind, at: moment).map { Case(kind: kind, moment: moment, fault: $0) }
        }
    }

    /// Long enough to be sure that no answer comes; only calls that get none take so long.
    private static let silenceSeconds = 0.5

    @Test(arguments: cases) func aFaultHappensOnceAndThenAllIsWell(_ entry: Case) async throws {
        let isCancel = entry.moment == .cancel
        try await Scene.with(.init(kind: entry.kind, secondsPerJob: isCancel ? .infinity : 0)) { scene in
            let fault: Fault = if case .slow = entry.fault { .slow(seconds: 0.01) } else { entry.fault }
            // One call before, so that a connection is open that the next call could be sent on.
            let (id, link) = entry.kind == .openaiImages ? ("", "") : try await Self.prepare(scene, entry.moment)
            try scene.simulator.setFaults([.on(entry.moment, fault)])
            let charged = scene.book.charged
            let seen = await Self.call(scene, entry.moment, id, link, isSilent: [.hang, .hangAfter].contains(fault))
            // A caller that gave up may have done so before the simulator read its request.
            while let event = await scene.book.next(entry.moment), event.fault != fault {}
            try Self.check(seen, fault, entry, scene)
            if entry.moment == .submit {
                #expect(scene.book.charged - charged == Self.pictures(of: fault, entry.kind), "what is paid for")
                #expect(scene.book.submits.last?.fault == fault && scene.book.submits.last?.outcome == Self.outcome(of: fault))
            }
            #expect(scene.simulator.faultsLeft == [])
            if !isCancel { try await Self.expectWell(scene) }
        }
    }

    private static func prepare(_ scene: Scene, _ moment: Moment) async throws -> (id: String, link: String) {
        let id = try await scene.accepted("first")
        let link = try scene.link(try await scene.poll(id))
        return (id, link ?? "")
    }

    private static func call(
        _ scene: Scene, _ moment: Moment, _ id: String, _ link: String, isSilent: Bool
    ) async -> Result<TransferResponse, CurlError> {
        let seconds = isSilent ? silenceSeconds : 60
        do throws(CurlError) {
            switch moment {
            case .submit: return .success(try await scene.submit("second", timeoutSeconds: seconds))
            case .poll: return .success(try await scene.poll(id, timeoutSeconds: seconds))
            case .fetch: return .success(try await scene.fetch(link, timeoutSeconds: seconds))
            case .cancel: return .success(try await scene.cancel(id, timeoutSeconds: seconds))
            }
        } catch { return .failure(error) }
    }

    private static func check(
        _ seen: Result<TransferResponse, CurlError>, _ fault: Fault, _ entry: Case, _ scene: Scene
    ) throws {
        let text = "\(entry.testDescription): \(seen)"
        switch fault {
        case .hang, .hangAfter:
            guard case .failure(.timedOut) = seen else { return #expect(Bool(false), "\(text)") }
        case .resetBefore, .resetAfter:
            // A GET is asked again by the client on a new connection, which is right: it changes nothing.
            guard entry.moment == .submit || entry.moment == .cancel else { return }
            guard case .failure = seen else { return #expect(Bool(false), "\(text)") }
        default: try check(try seen.get(), fault, entry, scene)
        }
    }

    private static func check(_ reply: TransferResponse, _ fault: Fault, _ entry: Case, _ scene: Scene) throws {
        let text = "\(reply.status) \(reply.text)"
        switch fault {
        case .busy(let seconds): #expect(reply.status == 429 && reply.header("retry-after") == "\(seconds)", "\(text)")
        case .status(let status): #expect(reply.status == status, "\(text)")
        case .badGatewayAfter: #expect(reply.status == 502, "\(text)")
        case .noCredit: #expect([400, 402, 403, 429].contains(reply.status), "\(text)")
        case .missing: #expect(reply.status == 404, "\(text)")
        case .expiredLink: #expect(reply.status == 403, "\(text)")
        case .garbage where entry.moment == .fetch, .truncated where entry.moment == .fetch:
            #expect(reply.status == 200 && !isPicture(reply.body))
        case .garbage: #expect(reply.status == 200 && (try? reply.object()) == nil, "\(text)")
        case .wrongType where entry.moment == .fetch: #expect(reply.header("content-type") == "text/html")
        case .wrongType, .truncated:
            let bytes = try reply.inlinePicture()
            #expect(!isPicture(bytes), "\(text)")
        case .failed, .flagged: try checkEnd(reply, fault, entry, scene)
        case .slow, .priceChange, .duplicateCallback: #expect(reply.status == 200, "\(text)")
        case .hang, .hangAfter, .resetBefore, .resetAfter: break
        }
    }

    /// A job that fails, or whose content is unfit, says so when it is asked for.
    private static func checkEnd(_ reply: TransferResponse, _ fault: Fault, _ entry: Case, _ scene: Scene) throws {
        if entry.kind == .openaiImages { return #expect(reply.status == (fault == .failed ? 500 : 400)) }
        #expect(reply.status == 200)
        guard entry.moment == .poll else { return }
        let marks = fault == .flagged && [.novita, .highway].contains(entry.kind)
        #expect(try scene.word(reply) == (marks ? scene.doneWord : scene.failedWord))
        guard marks else { return }
        let extra = try #require(reply.object()["extra"] as? [String: Any])
        #expect(extra["has_nsfw_contents"] as? [Bool] == [true])
    }

    private static func pictures(of fault: Fault, _ kind: ProviderKind) -> Int {
        switch fault {
        case .busy, .status, .noCredit, .hang, .resetBefore, .failed: 0
        case .flagged: [.novita, .highway].contains(kind) ? 1 : 0
        default: 1
        }
    }

    private static func outcome(of fault: Fault) -> SimulatedSubmit.Outcome {
        switch fault {
        case .busy, .status, .noCredit: .refused
        case .hang, .resetBefore: .dropped
        case .hangAfter, .resetAfter, .badGatewayAfter, .garbage: .lost
        default: .accepted
        }
    }

    private static func expectWell(_ scene: Scene) async throws {
        guard scene.kind != .openaiImages else {
            let reply = try await scene.submit("third")
            return #expect(reply.status == 200)
        }
        let (_, link) = try await scene.made("third")
        #expect(try await scene.fetch(link).status == 200)
    }

    // MARK: faults in detail

    @Test(arguments: Scene.hosted) func anExpiredLinkIsReplacedByTheNextPoll(kind: ProviderKind) async throws {
        try await Scene.with(.init(kind: kind, faults: [.on(.fetch, .expiredLink)])) { scene in
            let (id, link) = try await scene.made()
            for _ in 0..<2 { #expect(try await scene.fetch(link).status == 403, "a dead link stays dead") }
            let fresh = try #require(try scene.link(try await scene.poll(id)))
            #expect(fresh != link)
            #expect(try await scene.fetch(fresh).status == 200)
        }
    }

    @Test func aPictureThatIsCutOffIsAFailedTransfer() async throws {
        try await Scene.with(.init(kind: .novita, faults: [.on(.fetch, .resetAfter, times: nil)])) { scene in
            let (_, link) = try await scene.made()
            await #expect(throws: CurlError.self) { try await scene.fetch(link) }
        }
    }

    @Test func aJobThatFailsSaysWhy() async throws {
        let script: [ScriptedFault] = [.on(.submit, .failed, word: "bad"), .on(.submit, .flagged, word: "rude")]
        try await Scene.with(.init(kind: .unified, faults: script)) { scene in
            let bad = try await scene.poll(try await scene.accepted("a bad cat"))
            #expect(try bad.error()["code"] as? String == "service_error")
            let rude = try await scene.poll(try await scene.accepted("a rude cat"))
            #expect(try rude.error()["code"] as? String == "content_policy_violation")
            let usage = try rude.object()["usage"] as? [String: Any]
            #expect(usage?["credits_used"] as? Int == 0)
            #expect(scene.book.charged == 0)
        }
        try await Scene.with(.init(kind: .zimageturbo, faults: script)) { scene in
            let bad = try await scene.poll(try await scene.accepted("a bad cat")).data()
            #expect(bad["status"] as? String == "FAILED" && bad["error_message"] as? String == "The generation failed.")
        }
    }

    @Test func aChangedPriceIsBilledAndTold() async throws {
        try await Scene.with(.init(kind: .unified, faults: [.on(.submit, .priceChange)])) { scene in
            let usage = try await scene.poll(try await scene.accepted()).object()["usage"] as? [String: Any]
            #expect(usage?["credits_used"] as? Double == 0.68 && usage?["credits_reserved"] as? Double == 0.34)
            #expect(scene.simulator.invoice.contains(",0.01,"))
        }
        try await Scene.with(.init(kind: .zimageturbo, faults: [.on(.submit, .priceChange)])) { scene in
            let reply = try await scene.poll(try await scene.accepted())
            #expect(try reply.data()["consumed_credits"] as? Int == 30)
        }
    }
}
