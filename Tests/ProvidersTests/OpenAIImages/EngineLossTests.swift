import Domain
import Providers
import TestSupport
import Testing

/// Every moment at which a call can be lost: what never arrived is refused, what may have arrived is refused only where
/// nothing is billed.
@Suite(.timeLimit(.minutes(5))) struct EngineLossTests {
    private static func answers(_ baseURL: String, timeoutSeconds: Double = 60) async -> (free: SubmitAnswer, billed: SubmitAnswer) {
        let job = EngineSamples.job()
        return (
            await EngineSamples.provider(.reference, baseURL, timeoutSeconds: timeoutSeconds).submit(job),
            await EngineSamples.provider(.reference, baseURL, cost: EngineSamples.cost, timeoutSeconds: timeoutSeconds).submit(job)
        )
    }

    @Test func nobodyListens() async {
        // Port 1 (tcpmux) is below the range that the system hands out, and nothing serves it.
        let answers = await Self.answers("http://127.0.0.1:1")
        #expect(answers.free.fault?.kind == .away)
        #expect(answers.billed.fault?.kind == .away)
    }

    @Test func aPrivateAddressMustBeAllowed() async throws {
        let server = try EngineServer.answering(try EngineSamples.reply())
        let provider = EngineSamples.provider(.reference, server.baseURL, allowsPrivate: false, cost: EngineSamples.cost)
        let fault = await provider.submit(EngineSamples.job()).fault
        #expect(fault?.kind == .settings)
        #expect(fault?.message.contains("--allow-private") == true)
        #expect(server.calls.isEmpty)
    }

    @Test func theServerSpeaksNoTLS() async throws {
        let server = try EngineServer { connection, _ in connection.end() }
        let answers = await Self.answers(server.baseURL.replacing("http://", with: "https://"), timeoutSeconds: 0.5)
        #expect(answers.billed.fault != nil, "nothing was sent: \(answers.billed)")
    }

    /// The connection breaks when the request has been read, in the middle of the answer, or is just closed.
    @Test(arguments: ["reset", "close", "head", "body"])
    func theConnectionIsLost(moment: String) async throws {
        let server = try EngineServer { connection, _ in
            switch moment {
            case "reset": return connection.reset()
            case "head": connection.send("HTTP/1.1 200 OK\r\nContent-Le")
            case "body": connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"data\":[")
            default: break
            }
            connection.end()
        }
        let answers = await Self.answers(server.baseURL)
        #expect(answers.free.fault?.kind == .away)
        #expect(answers.billed.isUnknown)
        // A lost request is never repeated by itself.
        #expect(server.calls.count == 2)
    }

    @Test func theAnswerTakesTooLong() async throws {
        let server = try EngineServer { connection, _ in connection.waitForClose() }
        let answers = await Self.answers(server.baseURL, timeoutSeconds: 0.5)
        #expect(answers.free.fault?.kind == .away)
        #expect(answers.billed.isUnknown)
    }
}

/// Streams: progress, the picture, and what can go wrong after the status has said success.
@Suite(.timeLimit(.minutes(5))) struct EngineStreamTests {
    @Test func stepsAreToldAsTheyCome() async throws {
        let picture = EngineSamples.base64(try EngineSamples.png(width: 256, height: 256))
        let (reached, next) = AsyncStream<Int>.makeStream()
        let (permits, permit) = AsyncStream<Void>.makeStream()
        let server = try EngineServer { connection, _ in
            connection.beginStream()
            connection.send(": a comment\n\nevent: image_generation.progress\n")
            connection.event(#"{"type":"image_generation.progress","step":2,"steps":8}"#)
            // The rest is sent only when the first step has been told: a reader that waits for the end never gets there.
            connection.waitForPermit(permits)
            connection.event(#"{"type":"image_generation.progress","step":1,"steps":8}"#)
            connection.event(#"{"type":"image_generation.progress","step":8,"steps":8}"#)
            connection.event(#"{"type":"image_generation.partial_image","b64_json":"AAAA"}"#)
            connection.send("data: {\"type\":\"image_generation.progress\",\"step\":true}\r\n\r\ndata: nonsense\n\ndata: {\"step\":1}\n\n")
            connection.event(#"{"type":"image_generation.completed","b64_json":"\#(picture)","seconds":1.23}"#)
            connection.end()
        }
        let told = Told()
        let answer = await EngineSamples.provider(.reference, server.baseURL).submit(EngineSamples.job()) { percent in
            told.tell(percent)
            next.yield(percent)
            permit.yield()
        }
        guard case .made(let made) = answer else { return #expect(answer.bytes != nil) }
        #expect(made.seconds == 2)
        #expect(told.all == [25, 95])
        next.finish()
        #expect(await reached.reduce(0) { count, _ in count + 1 } == 2)
    }

    @Test func anEngineMayAnswerWithoutAStream() async throws {
        let server = try EngineServer.answering(try EngineSamples.reply(more: #","seconds":0.5"#))
        let answer = await EngineSamples.provider(.reference, server.baseURL).submit(EngineSamples.job())
        guard case .made(let made) = answer else { return #expect(answer.bytes != nil) }
        #expect(made.seconds == 1)
        #expect(server.calls.first?.header("accept") == "text/event-stream, application/json")
    }

    @Test(arguments: [
        (#"{"type":"error","error":{"message":"out of memory","code":"engine_failed"}}"#, ProviderFault.Kind.failed, true),
        (#"{"error":"out of memory"}"#, .failed, true),
        (#"{"type":"error","error":{"message":"not safe","code":"moderation_blocked"}}"#, .moderated, false),
        (#"{"type":"image_generation.completed"}"#, .failed, true),
        (#"{"type":"image_generation.progress","step":8,"steps":8}"#, .away, true),
    ])
    func streamsThatEndBadly(event: String, kind: ProviderFault.Kind, isUnknown: Bool) async throws {
        let server = try EngineServer { connection, _ in
            connection.beginStream()
            connection.event(#"{"type":"image_generation.progress","step":1,"steps":8}"#)
            connection.event(event)
            connection.end()
        }
        #expect(await EngineSamples.provider(.reference, server.baseURL).submit(EngineSamples.job()).fault?.kind == kind)
        let billed = EngineSamples.provider(.reference, server.baseURL, cost: EngineSamples.cost)
        #expect(await billed.submit(EngineSamples.job()).isUnknown == isUnknown)
    }

    /// The GPU must stop when nobody waits any more.
    @Test func cancellingDisconnects() async throws {
        let (arrivals, arrived) = AsyncStream<Void>.makeStream()
        let (closings, closed) = AsyncStream<Void>.makeStream()
        let server = try EngineServer { connection, _ in
            connection.beginStream()
            connection.event(#"{"type":"image_generation.progress","step":1,"steps":8}"#)
            arrived.yield()
            connection.waitForClose()
            closed.yield()
        }
        let provider = EngineSamples.provider(.reference, server.baseURL, timeoutSeconds: 3600)
        let task = Task { await provider.submit(EngineSamples.job()) }
        for await _ in arrivals { break }
        task.cancel()
        for await _ in closings { break }
        #expect(await task.value.bytes == nil)
    }
}
