import Curl
import TestSupport
import Testing

/// Limits, cancellation and the end.
@Suite(.timeLimit(.minutes(5))) struct TransferLifeTests {
    /// A server that announces each request and each close, and answers nothing on `/hang`.
    private struct Watched {
        let arrived = Announcements<String>()
        let closed = Announcements<Void>()
        let server: LocalServer

        init() throws {
            let (arrived, closed) = (arrived, closed)
            server = try LocalServer { connection in
                while let request = connection.readRequest() {
                    arrived.send(request.requestLine)
                    if request.requestLine.contains("/hang") {
                        connection.waitForClose()
                        return closed.send(())
                    }
                    connection.respond()
                }
            }
        }

        func request(_ path: String, timeoutSeconds: Double = 50) -> TransferRequest {
            TransferRequest(url: server.url(path), timeoutSeconds: timeoutSeconds, egress: nil)
        }
    }

    @Test func cancellingTheTaskClosesTheConnection() async throws {
        let watched = try Watched()
        try await withTransfers { transfers in
            let task = Task { try await transfers.perform(watched.request("/hang")) }
            #expect(await watched.arrived.next() != nil)
            task.cancel()
            await #expect(throws: CurlError.cancelled(isRequestPossiblySent: true)) { try await task.value }
            #expect(await watched.closed.next() != nil)
        }
    }

    @Test func aTaskThatIsCancelledAlreadySendsNothing() async throws {
        let watched = try Watched()
        try await withTransfers { transfers in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await transfers.perform(watched.request("/hang"))
            }
            let error = await #expect(throws: CurlError.self) { try await task.value }
            #expect(error?.label == "cancelled")
        }
    }

    @Test func transfersOverTheLimitWaitAndThenRun() async throws {
        let watched = try Watched()
        try await withTransfers(inFlightMax: 1, waitingMax: 8) { transfers in
            let first = Task { try await transfers.perform(watched.request("/hang")) }
            #expect(await watched.arrived.next() != nil)
            async let second = transfers.perform(watched.request("/second"))
            // It is judged by its own deadline while it waits, and the running one is not hurried.
            await #expect(throws: CurlError.timedOut(isRequestPossiblySent: false)) {
                try await transfers.perform(watched.request("/third", timeoutSeconds: 0.2))
            }
            #expect(watched.server.connectionCount == 1)
            first.cancel()
            let response = try await second
            #expect(response.status == 200)
            #expect(await watched.arrived.next() == "GET /second HTTP/1.1")
        }
    }

    @Test func aWaitingTransferCanBeCancelled() async throws {
        let watched = try Watched()
        try await withTransfers(inFlightMax: 1, waitingMax: 1) { transfers in
            let first = Task { try await transfers.perform(watched.request("/hang")) }
            #expect(await watched.arrived.next() != nil)
            let second = Task { try await transfers.perform(watched.request("/second")) }
            second.cancel()
            await #expect(throws: CurlError.cancelled(isRequestPossiblySent: false)) { try await second.value }
            first.cancel()
            _ = await first.result
            #expect(watched.server.connectionCount == 1)
        }
    }

    @Test func aFullQueueRefuses() async throws {
        let watched = try Watched()
        try await withTransfers(inFlightMax: 1, waitingMax: 2) { transfers in
            let running = Task { try await transfers.perform(watched.request("/hang")) }
            #expect(await watched.arrived.next() != nil)
            // Two of the three fit; which of them is refused is the scheduler's choice.
            let labels = await withTaskGroup(of: String.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        do throws(CurlError) {
                            return try await transfers.perform(watched.request("/wait")).status.description
                        } catch { return error.label }
                    }
                }
                let first = await group.next()
                running.cancel()
                var labels = [first]
                for await label in group { labels.append(label) }
                return labels.compactMap { $0 }
            }
            #expect(labels == ["busy", "200", "200"])
        }
    }

    @Test func manyAtOnceAllFinish() async throws {
        let watched = try Watched()
        try await withTransfers(inFlightMax: 16, waitingMax: 400) { transfers in
            let total = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<300 {
                    group.addTask { (try? await transfers.perform(watched.request("/ok")).status) == 200 ? 1 : 0 }
                }
                return await group.reduce(0, +)
            }
            #expect(total == 300)
            #expect(watched.server.connectionCount <= 16)
        }
    }

    @Test func shutdownEndsWhatRunsAndWaits() async throws {
        let watched = try Watched()
        let transfers = Transfers(inFlightMax: 1, waitingMax: 8)
        let running = Task { try await transfers.perform(watched.request("/hang")) }
        #expect(await watched.arrived.next() != nil)
        let waiting = Task { try await transfers.perform(watched.request("/second")) }
        await transfers.shutdown()
        await #expect(throws: CurlError.stopped(isRequestPossiblySent: true)) { try await running.value }
        await #expect(throws: CurlError.stopped(isRequestPossiblySent: false)) { try await waiting.value }
        await #expect(throws: CurlError.stopped(isRequestPossiblySent: false)) {
            try await transfers.perform(watched.request("/late"))
        }
        // A second time is harmless.
        await transfers.shutdown()
        #expect(await watched.closed.next() != nil)
    }
}
