import Domain
import Providers
import TestSupport
import Testing

/// The promises of `ImageProvider`, kept by every kind of provider.
@Suite(.timeLimit(.minutes(5))) struct ConformanceTests {
    private static let refusals = Subject.all.flatMap { subject in subject.refuses.map { (subject, $0) } }
    private static let open = Subject.all.flatMap { subject in subject.leavesOpen.map { (subject, $0) } }
    private static let losses = Subject.all.flatMap { subject in ScriptedHost.Act.losses.map { (subject, $0) } }
    private static let asked = losses.filter { $0.0.goesOn != nil }
    private static let hosts = Subject.all.filter { $0.goesOn != nil }

    private func isRefused(_ answer: SubmitAnswer) -> Bool {
        guard case .refused = answer else { return false }
        return true
    }

    private func isUnknown(_ answer: SubmitAnswer) -> Bool {
        guard case .unknown = answer else { return false }
        return true
    }

    /// Whoever bills may be at work. Where nothing is billed, another provider is asked instead of waiting.
    private func isLeftOpen(_ answer: SubmitAnswer, by subject: Subject) -> Bool {
        guard subject.billsNothing else { return isUnknown(answer) }
        guard case .refused(let fault) = answer else { return false }
        return fault.countsAgainstProvider
    }

    // MARK: what a submit means for the money

    @Test(arguments: Subject.all) func aJobIsAccepted(_ subject: Subject) async throws {
        try await subject.with(subject.accepts) { provider, host in
            let answer = await provider.submit(subject.job) { _ in }
            switch answer {
            case .accepted: #expect(!provider.capabilities.answersAtOnce)
            case .made: #expect(provider.capabilities.answersAtOnce)
            default: Issue.record("\(answer)")
            }
            #expect(host.requests.count == 1)
            #expect(host.requests.first?.header("authorization") == "Bearer \(Subject.secret)")
        }
    }

    @Test(arguments: refusals) func aRefusalIsNeverUnknown(_ subject: Subject, _ act: ScriptedHost.Act) async throws {
        try await subject.with(act) { provider, host in
            let answer = await provider.submit(subject.job) { _ in }
            #expect(isRefused(answer), "\(answer)")
            #expect(host.requests.count == 1)
        }
    }

    @Test(arguments: open) func whatLeavesItOpenIsUnknown(_ subject: Subject, _ act: ScriptedHost.Act) async throws {
        try await subject.with(act) { provider, host in
            let answer = await provider.submit(subject.job) { _ in }
            #expect(isLeftOpen(answer, by: subject), "\(answer)")
            #expect(host.requests.count == 1)
        }
    }

    @Test(arguments: losses) func aLostAnswerIsUnknown(_ subject: Subject, _ act: ScriptedHost.Act) async throws {
        try await subject.with(act) { provider, host in
            let answer = await provider.submit(subject.job) { _ in }
            #expect(isLeftOpen(answer, by: subject), "\(answer)")
            // Whether it is sent again is for others to decide.
            #expect(host.requests.count == 1)
        }
    }

    @Test(arguments: Subject.all, ["http://127.0.0.1:1", "http://nothing.invalid", "no address"])
    func whatNeverLeftIsRefused(_ subject: Subject, _ baseURL: String) async throws {
        try await withAccess { access in
            let answer = await subject.provider(at: baseURL, access).submit(subject.job) { _ in }
            #expect(isRefused(answer), "\(answer)")
        }
    }

    @Test(arguments: Subject.all) func aPrivateAddressIsNotCalled(_ subject: Subject) async throws {
        let host = try ScriptedHost(subject.accepts)
        try await withAccess { access in
            let provider = subject.provider(at: host.baseURL, access, allowsPrivate: false)
            guard case .refused(let fault) = await provider.submit(subject.job, progress: { _ in }) else {
                Issue.record("not refused")
                return
            }
            #expect(fault.kind == .settings)
            #expect(fault.message.contains("private"))
            #expect(await provider.test(model: "z-image-turbo").map { $0.problem?.contains("private") } == [true])
        }
        #expect(host.connectionCount == 0)
    }

    @Test(arguments: Subject.all) func withoutTLSNothingLeaves(_ subject: Subject) async throws {
        let server = try LocalServer { connection in
            connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.waitForClose()
        }
        try await withAccess { access in
            let provider = subject.provider(at: "https://127.0.0.1:\(server.port)", access)
            guard case .refused(let fault) = await provider.submit(subject.job, progress: { _ in }) else {
                Issue.record("not refused")
                return
            }
            #expect(fault.kind == .settings)
            #expect(fault.message.contains("TLS"))
            #expect(await provider.test(model: "z-image-turbo").map { $0.problem?.contains("TLS") } == [true])
        }
    }

    @Test(arguments: Subject.all) func aRedirectIsNotFollowed(_ subject: Subject) async throws {
        for status in [301, 302, 303, 307, 308] {
            try await subject.with(.answer(status, headers: ["Location: /elsewhere"])) { provider, host in
                let answer = await provider.submit(subject.job) { _ in }
                #expect(isRefused(answer) || isUnknown(answer), "\(answer)")
                #expect(host.requests.count == 1)
            }
        }
    }

    @Test(arguments: Subject.all) func cancellingTheTaskEndsTheCall(_ subject: Subject) async throws {
        let host = try ScriptedHost(.silent)
        try await withAccess { access in
            let provider = subject.provider(at: host.baseURL, access)
            let task = Task { await provider.submit(subject.job) { _ in } }
            #expect(await host.arrived.next() != nil)
            task.cancel()
            let answer = await task.value
            #expect(isLeftOpen(answer, by: subject), "\(answer)")
        }
    }

    // MARK: questions

    /// Whoever answers at once has nothing to ask for, and says so without a call.
    @Test(arguments: Subject.all) func whoAnswersAtOnceKnowsNoJobs(_ subject: Subject) async throws {
        try await subject.with(subject.accepts) { provider, host in
            #expect(provider.capabilities.answersAtOnce == (subject.goesOn == nil))
            guard provider.capabilities.answersAtOnce else { return }
            #expect(await provider.poll("4f") == .missing)
            #expect(await provider.cancel("4f") == .tooLate)
            #expect(host.requests.isEmpty)
        }
    }

    @Test(arguments: hosts) func aJobGoesOn(_ subject: Subject) async throws {
        guard let act = subject.goesOn else { return }
        try await subject.with(act) { provider, _ in
            guard case .waiting(let progress) = await provider.poll("4f") else {
                Issue.record("it does not wait")
                return
            }
            #expect((progress != nil) == provider.capabilities.reportsProgress)
        }
    }

    @Test(arguments: asked) func aLostAnswerSaysNothingAboutAJob(_ subject: Subject, _ act: ScriptedHost.Act) async throws {
        try await subject.with(act) { provider, _ in
            let answer = await provider.poll("4f")
            guard case .unanswered = answer else {
                Issue.record("\(answer)")
                return
            }
            if provider.capabilities.cancels { #expect(await provider.cancel("4f") == .unknown) }
        }
    }

    @Test(arguments: hosts) func anIdCannotLeadElsewhere(_ subject: Subject) async throws {
        guard let act = subject.goesOn else { return }
        try await subject.with(act) { provider, host in
            _ = await provider.poll("../x?a=b#/../é %")
            let line = try #require(host.requests.first?.requestLine)
            #expect(line.contains("..%2Fx%3Fa%3Db%23%2F..%2F%C3%A9%20%25"), "\(line)")
        }
    }

    // MARK: pictures

    @Test(arguments: Subject.all) func aPictureIsFetchedWithoutTheKey(_ subject: Subject) async throws {
        let picture = TestPictures.png(width: 8, height: 8, 1, 2, 3)
        try await subject.with(.bytes(picture)) { provider, host in
            let bytes = try await provider.fetch(host.baseURL + "/a.png?signature=1")
            #expect(bytes == picture)
            #expect(host.requests.first?.requestLine == "GET /a.png?signature=1 HTTP/1.1")
            #expect(host.requests.first?.head.contains(Subject.secret) == false)
        }
    }

    @Test(arguments: Subject.all) func whatIsNoPictureIsAFault(_ subject: Subject) async throws {
        let acts: [ScriptedHost.Act] = [403, 404, 410, 500, 302, 206].map { .answer($0, "no") } + [
            .answer(200), .answer(200, "<html>"), .close, .cut, .silent, .endless,
        ]
        for act in acts {
            try await subject.with(act) { provider, host in
                let error = await #expect(throws: ProviderFault.self, "\(act)") {
                    try await provider.fetch(host.baseURL + "/a")
                }
                #expect(error?.message.contains("/a") == false)
            }
        }
        try await subject.with(.bytes(TestPictures.png(width: 8, height: 8, 1, 2, 3))) { provider, host in
            let links = ["//127.0.0.1/a.png", "a.png", "", "ftp://127.0.0.1/a.png", "file:///etc/passwd"]
            for link in links + (subject.takesPaths ? [] : ["/a.png"]) {
                await #expect(throws: ProviderFault.self) { try await provider.fetch(link) }
            }
            #expect(host.requests.isEmpty)
        }
    }

    // MARK: secrets, and the operator's test

    @Test(arguments: Subject.all, [200, 400, 401, 403, 404, 429, 500, 503])
    func noMessageHoldsTheKey(_ subject: Subject, _ status: Int) async throws {
        // Wherever a dialect has words, there is the key.
        let words = "the key \(Subject.secret) is bad"
        let body = """
            {"code":\(status == 200 ? 401 : status),"reason":"X","message":"\(words)","detail":"\(words)","status":"failed",
             "error":{"code":"x","type":"\(words)","message":"\(words)"},"task":{"status":"TASK_STATUS_FAILED","reason":"\(words)"},
             "data":{"status":"FAILED","error_message":"\(words)"}}
            """
        try await subject.with(.answer(status, body, headers: ["Location: /?key=\(Subject.secret)"])) { provider, host in
            var said = ["\(await provider.submit(subject.job) { _ in })", "\(await provider.poll("4f"))"]
            said += await provider.test(model: "z-image-turbo").map { "\($0)" }
            do { _ = try await provider.fetch(host.baseURL + "/a") } catch { said.append("\(error)") }
            for text in said { #expect(!text.contains(Subject.secret), "\(text)") }
        }
    }

    @Test(arguments: losses) func theTestOfASilentHostSaysSo(_ subject: Subject, _ act: ScriptedHost.Act) async throws {
        try await subject.with(act) { provider, host in
            let checks = await provider.test(model: "z-image-turbo")
            #expect(checks.count == 1)
            #expect(checks.first?.what.contains(host.baseURL) == true)
            #expect(checks.first?.problem != nil)
        }
    }

    @Test(arguments: Subject.all) func theTestBuysNothing(_ subject: Subject) async throws {
        for act in [subject.accepts, subject.goesOn ?? .answer(404, "{}"), .answer(404, "{}")] {
            try await subject.with(act) { provider, host in
                #expect(!(await provider.test(model: "z-image-turbo")).isEmpty)
                #expect(!host.requests.isEmpty)
                for request in host.requests { #expect(request.requestLine.hasPrefix("GET "), "\(request.requestLine)") }
            }
        }
    }

    private static let addresses = [
        ("http://127.0.0.1:1", "connect"), ("http://nothing.invalid", "resolve"), ("ftp://x", "cannot be called"),
    ]

    @Test(arguments: Subject.all, addresses)
    func theTestOfAWrongAddressSaysWhatIsWrong(_ subject: Subject, _ address: (baseURL: String, word: String)) async throws {
        try await withAccess { access in
            let checks = await subject.provider(at: address.baseURL, access).test(model: "z-image-turbo")
            let problem = try #require(checks.last?.problem)
            #expect(checks.count == 1)
            #expect(problem.contains(address.word) || problem.contains("timed_out"), "\(problem)")
        }
    }
}
