import Domain
import Providers
import TestSupport

/// A hosted provider whose answers a test writes down beforehand. When they are used up, the last one is given again.
final class Remote: ImageProvider {
    let name: String
    let capabilities: Capabilities
    let maxRunning: Int?
    let deadlineSeconds: Int
    private let submitAnswers: Box<[SubmitAnswer]>
    private let pollAnswers: Box<[PollAnswer]>
    private let fetchAnswers: Box<[[UInt8]]>
    private let cancelAnswer: CancelAnswer
    /// Submits wait here for their answer.
    private let gate: Gate?
    /// The jobs of the submits that came, to wait for.
    let jobs = Events<ProviderJob>()
    /// The references of the submits that came.
    let submitted = Box<[String]>([])
    /// The same, to wait for.
    let submits = Events<String>()
    /// Whether it is there when it is tried without a job, and how often it was.
    let isReached = Box(true)
    let tests = Box(0)
    let polls = Events<String>()
    let cancels = Events<String>()

    static let picture = TestPictures.png(width: 64, height: 64, 10, 200, 30)

    init(
        _ name: String, submits: [SubmitAnswer] = [.accepted(id: "p-1")],
        polls: [PollAnswer] = [.made(ProviderPicture(.link("/x")))],
        fetches: [[UInt8]] = [picture], cancel: CancelAnswer = .tooLate, callsBack: Bool = false, deduplicates: Bool = false,
        gate: Gate? = nil, maxRunning: Int? = nil, deadlineSeconds: Int = 60,
        operations: Set<TaskOperation> = Set(TaskOperation.allCases)
    ) {
        self.name = name
        self.maxRunning = maxRunning
        self.deadlineSeconds = deadlineSeconds
        capabilities = Capabilities(
            operations: operations, sizes: .sides(1...1536), cancels: cancel == .cancelled, callsBack: callsBack,
            deduplicates: deduplicates)
        cancelAnswer = cancel
        self.gate = gate
        submitAnswers = Box(submits)
        pollAnswers = Box(polls)
        fetchAnswers = Box(fetches)
    }

    /// Replaces what submits are answered.
    func answerSubmits(_ answers: [SubmitAnswer]) { submitAnswers.change { $0 = answers } }

    /// Replaces what polls are answered.
    func answerPolls(_ answers: [PollAnswer]) { pollAnswers.change { $0 = answers } }

    private func next<Answer: Sendable>(_ answers: Box<[Answer]>) -> Answer {
        let answer = Box<Answer?>(nil)
        answers.change { list in
            let first = list.count > 1 ? list.removeFirst() : list[0]
            answer.change { $0 = first }
        }
        return answer.value!
    }

    func submit(_ job: ProviderJob, progress: @escaping @Sendable (Int) -> Void) async -> SubmitAnswer {
        submitted.change { $0.append(job.reference) }
        submits.add(job.reference)
        jobs.add(job)
        do { try await gate?.pass() } catch { return .unknown("given up") }
        return next(submitAnswers)
    }

    func poll(_ id: String) async -> PollAnswer {
        defer { polls.add(id) }
        return next(pollAnswers)
    }

    func cancel(_ id: String) async -> CancelAnswer {
        defer { cancels.add(id) }
        return cancelAnswer
    }

    func fetch(_ link: String) async throws(ProviderFault) -> [UInt8] {
        let bytes = next(fetchAnswers)
        if bytes.isEmpty { throw ProviderFault(.failed, "the link has expired") }
        return bytes
    }

    func test(model: String) async -> [ProviderCheck] {
        tests.change { $0 += 1 }
        return [ProviderCheck("is there", problem: isReached.value ? nil : "nobody is there")]
    }

    /// Puts providers into the database, the first of them before the others, at 0.004 USD a picture.
    static func snapshot(_ providers: [any ImageProvider], in database: TestDatabase) async throws -> ProviderSnapshot {
        let remotes = providers.map { provider in
            let remote = provider as? Remote
            return (name: provider.name, maxRunning: remote?.maxRunning, deadlineSeconds: remote?.deadlineSeconds ?? 60)
        }
        for (index, remote) in remotes.enumerated() {
            try await database.rows(
                """
                insert into providers (name, kind, base_url, cost, currency, max_running, timeout_seconds, deadline_seconds)
                values ('\(remote.name)', 'novita', 'https://\(remote.name).example', 4000, 'USD',
                    \(remote.maxRunning.map(String.init) ?? "null"), 1, \(remote.deadlineSeconds));
                insert into provider_routes (provider_id, model_id, upstream_model, priority)
                select p.id, m.id, 'z-image-turbo', \(index + 1) from providers p, models m
                where p.name = '\(remote.name)' and m.name = 'z-image-turbo'
                """)
        }
        let routed = remotes.enumerated().map { index, remote in
            RoutedProvider(
                id: Int32(index + 1),
                settings: ProviderSettings(
                    name: remote.name, kind: .novita, baseURL: "https://\(remote.name).example",
                    cost: ProviderCost(micro: 4000, currency: "USD"), timeoutSeconds: 1),
                maxRunning: remote.maxRunning, deadlineSeconds: remote.deadlineSeconds,
                routes: [ProviderRoute(model: "z-image-turbo", priority: index + 1)])
        }
        return ProviderSnapshot(routed) { settings in providers.first { $0.name == settings.name }! }
    }
}
