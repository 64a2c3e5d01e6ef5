import Curl
import Domain
import Keys
import Postgres
import Providers
import Simulator
import TestSupport
import Testing

@testable import JobLife

/// Callbacks of providers: they make a question sooner, and nothing else.
@Suite(.timeLimit(.minutes(5))) struct SubmitHintsTests {
    private static let publicURL = "https://images.example/calls"
    /// Nobody would be asked in the time of a test.
    private static let rare = AskSchedule(firstSeconds: 3600, longestSeconds: 3600, hintedSeconds: 0)
    private static let made = PollAnswer.made(ProviderPicture(.link("/x")))

    private func token(_ url: String?) throws -> String {
        String(try #require(url).dropFirst(Self.publicURL.count + 1))
    }

    private func expectCompleted(_ house: House, _ id: TaskID) async throws {
        _ = await house.closed.next()
        #expect(try await house.task(id) == ["completed", "26000", nil])
    }

    // MARK: who is asked

    @Test func whoCallsIsAskedAtOnce() async throws {
        let far = Remote("far", polls: [.waiting(progress: 10), .waiting(progress: 20), Self.made], callsBack: true)
        try await withHouse(remotes: [far], publicURL: Self.publicURL, schedule: Self.rare) { house in
            let id = try await house.submit()
            let job = try #require(await far.jobs.next())
            let token = try token(job.callbackURL)
            // It is not believed: what counts is what it then answers.
            for _ in 0..<3 {
                #expect(house.submitHints.called(token))
                _ = await far.polls.next()
            }
            try await expectCompleted(house, id)
            #expect(far.submitted.value.count == 1)
        }
    }

    @Test func aCallThatAnotherNodeHeardIsAsGood() async throws {
        let far = Remote("far", polls: [Self.made], callsBack: true)
        try await withHouse(remotes: [far], publicURL: Self.publicURL, schedule: Self.rare) { house in
            let id = try await house.submit()
            let job = try #require(await far.jobs.next())
            house.submitHints.heard("zimage-of-another-node")
            house.submitHints.heard(job.reference)
            try await expectCompleted(house, id)
        }
    }

    @Test func aCallThatIsFasterThanTheAnswerIsKept() async throws {
        let gate = Gate()
        let far = Remote("far", polls: [Self.made], callsBack: true, gate: gate)
        try await withHouse(remotes: [far], publicURL: Self.publicURL, schedule: Self.rare) { house in
            let id = try await house.submit()
            let job = try #require(await far.jobs.next())
            #expect(house.submitHints.called(try token(job.callbackURL)))
            gate.open()
            try await expectCompleted(house, id)
        }
    }

    @Test func aSubmitWhoseAnswerWasLostIsRepeatedAtOnceWithTheSameAddress() async throws {
        let far = Remote(
            "far", submits: [.unknown("lost"), .accepted(id: "p-1")], polls: [Self.made], callsBack: true, deduplicates: true)
        try await withHouse(remotes: [far], publicURL: Self.publicURL, schedule: Self.rare) { house in
            let id = try await house.submit()
            let first = try #require(await far.jobs.next())
            #expect(house.submitHints.called(try token(first.callbackURL)))
            let second = try #require(await far.jobs.next())
            #expect(second.callbackURL == first.callbackURL && second.reference == first.reference)
            #expect(house.submitHints.called(try token(first.callbackURL)))
            try await expectCompleted(house, id)
        }
    }

    @Test func withoutACallOrAnAddressItIsAskedBySchedule() async throws {
        let (mute, far) = (Remote("mute"), Remote("far", callsBack: true))
        for (remote, publicURL) in [(mute, Self.publicURL), (far, nil)] {
            try await withHouse(remotes: [remote], publicURL: publicURL) { house in
                let id = try await house.submit()
                #expect(try #require(await remote.jobs.next()).callbackURL == nil)
                try await expectCompleted(house, id)
            }
        }
    }

    @Test func manyCallsAskNoFasterThanThePermittedPace() async throws {
        let asked = 3
        let polls = Array(repeating: PollAnswer.waiting(progress: nil), count: asked - 1) + [Self.made]
        let far = Remote("far", polls: polls, callsBack: true)
        let schedule = AskSchedule(firstSeconds: 3600, longestSeconds: 3600, hintedSeconds: 0.2)
        try await withHouse(remotes: [far], publicURL: Self.publicURL, schedule: schedule) { house in
            let id = try await house.submit()
            let job = try #require(await far.jobs.next())
            let (token, started) = (try token(job.callbackURL), ContinuousClock.now)
            let flood = Task {
                while !Task.isCancelled {
                    #expect(house.submitHints.called(token))
                    await Task.yield()
                }
            }
            defer { flood.cancel() }
            for _ in 0..<asked { _ = await far.polls.next() }
            #expect(ContinuousClock.now - started >= .seconds(0.2 * Double(asked)))
            flood.cancel()
            try await expectCompleted(house, id)
        }
    }

    // MARK: what other nodes are told

    private func withListener(
        _ test: (SubmitHints, ProviderCallbacks, Events<String>) async throws -> Void
    ) async throws {
        let database = try await TestDatabase.fresh(connectionsMax: 2)
        let callbacks = ProviderCallbacks(key: Tenant.secret.key(for: .providerCallback), baseURL: Self.publicURL)
        let hints = SubmitHints(database.pool, callbacks: callbacks)
        let (established, told) = (Events<Void>(), Events<String>())
        let listening = Task {
            await Listener(database.address, channels: [SubmitBook.channel]).run {
                established.add(())
            } received: {
                told.add($0.payload)
            }
        }
        defer { listening.cancel() }
        _ = await established.next()
        try await test(hints, callbacks, told)
    }

    @Test func theOthersAreToldOnceAndOnlyOfWhatNobodyFollowsHere() async throws {
        try await withListener { hints, callbacks, told in
            let references = (0..<4).map { _ in SubmitBook.newReference() }
            let tokens = try references.map { try token(callbacks.url(for: $0)) }
            await hints.following(references[0]) { signal in
                #expect(hints.called(tokens[0]))
                await signal.wait()
            }
            for _ in 0..<1000 { #expect(hints.called(tokens[1])) }
            #expect(!hints.called(String(tokens[2].dropLast()) + "x"))
            let running = Task { await hints.run() }
            defer { running.cancel() }
            #expect(await told.next() == references[1])
            // Followed no longer: whoever ended it does not mind.
            #expect(hints.called(tokens[0]))
            #expect(await told.next() == references[0])
            #expect(hints.called(tokens[3]))
            #expect(await told.next() == references[3], "nothing was told beside these")
        }
    }

    @Test func noMoreAreToldAtOnceThanIsPermitted() async throws {
        try await withListener { hints, callbacks, told in
            let references = (0..<2000).map { _ in SubmitBook.newReference() }
            for reference in references { #expect(hints.called(try token(callbacks.url(for: reference)))) }
            let running = Task { await hints.run() }
            defer { running.cancel() }
            var heard: Set<String> = []
            for _ in 0..<1024 { heard.insert(try #require(await told.next())) }
            #expect(heard == Set(references.prefix(1024)))
            #expect(hints.called(try token(callbacks.url(for: references[1999]))))
            #expect(await told.next() == references[1999], "none of those between")
        }
    }

    // MARK: a provider that is real but for its pictures

    /// Jobs of the simulator end when the test says so, and it calls by HTTP, twice.
    @Test func aProviderThatEndsAJobCallsAndIsAsked() async throws {
        let settings = Simulator.Settings(
            kind: .unified, faults: [.on(.submit, .duplicateCallback)], quirks: [.localCallbacks], secondsPerJob: .infinity)
        let simulator = try await Simulator.start(settings)
        let calls = Events<String>()
        let door = try LocalServer { connection in
            while let request = connection.readRequest() {
                let path = request.requestLine.split(separator: " ")[1]
                calls.add(String(path.dropFirst("/calls/".count)))
                connection.respond(204)
            }
        }
        try await withTransfers { transfers in
            let provider = UnifiedProvider(
                settings: ProviderSettings(
                    name: "far", kind: .unified, baseURL: simulator.url, secret: "simulated", allowsPrivate: true),
                access: ProviderAccess(transfers: transfers, egress: EgressRule()))
            try await withHouse(remotes: [provider], publicURL: door.url("/calls"), schedule: Self.rare) { house in
                let id = try await house.submit()
                _ = await simulator.book.next(.submit)
                #expect(simulator.book.finishAll() == 1)
                for _ in 0..<2 {
                    let called = try #require(await calls.next())
                    #expect(house.submitHints.called(called))
                }
                try await expectCompleted(house, id)
                #expect(simulator.book.callbacks == 2 && simulator.book.charged == 1)
                #expect((1...2).contains(simulator.book.calls(.poll)))
            }
        }
        await simulator.stop()
    }
}
