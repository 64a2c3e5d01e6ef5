public import Admission
public import Domain
public import Logging
public import Postgres

/// Why nothing can be said about a request.
public enum AdmitError: Error, Sendable, Equatable {
    /// Too many requests wait already.
    case overloaded
    /// The database could not be asked in time. Whether the task exists is not known.
    case unavailable
    /// The database refused this request for a reason of its own: a bug, which was logged.
    case broken
}

/// Step 1: requests become tasks with reservations.
public final class Admit: Sendable {
    /// As measured: larger batches gain little and make the first of them wait.
    private static let batchMax = 256
    private static let waitingMax = 20_000
    /// How long a batch is tried again while the database is away, in seconds.
    private static let patienceSeconds = 15.0

    private let pool: ConnectionPool
    private let numbers = TaskNumbers()
    private let admitTasks = AdmitTasks()
    private let hints: Hints
    private let discard: @Sendable (ImageInputs) async -> Void
    private let logger: Logger
    private let batcher = Batcher<Submission, Verdict>(
        batchMax: batchMax, waitingMax: waitingMax, overflow: AdmitError.overloaded,
        // Two requests with one idempotency key: the second must see what became of the first.
        conflictKey: { submission in submission.idempotencyKey.map { "\(submission.walletID) \($0)" } })

    /// - Parameters:
    ///   - pool: one connection of it is used.
    ///   - hints: told when tasks were admitted.
    ///   - discard: removes the pictures that were kept for a request which became no task of its own.
    ///   - logger: for failures.
    public init(
        _ pool: ConnectionPool, hints: Hints, discard: @escaping @Sendable (ImageInputs) async -> Void = { _ in },
        logger: Logger
    ) {
        self.pool = pool
        self.hints = hints
        self.discard = discard
        self.logger = logger
    }

    /// Submits a request. When this returns a task, the task is durable.
    public func callAsFunction(_ submission: Submission) async throws -> Verdict {
        let verdict = try await batcher.submit(submission)
        guard let inputs = submission.image.inputs else { return verdict }
        // Where an error leaves it open whether there is a task, the pictures stay for the sweeper.
        if verdict.replayed { await discard(inputs) } else if case .failure = verdict.outcome { await discard(inputs) }
        return verdict
    }

    /// Sends batches until ``finish()``.
    public func run() async { await batcher.run(send) }

    /// Takes no more requests; those that wait are still answered.
    public func finish() { batcher.finish() }

    @Sendable private func send(_ submissions: [Submission]) async -> [Result<Verdict, any Error>] {
        let deadline = ContinuousClock.now + .seconds(Self.patienceSeconds)
        var batch: [NumberedSubmission]?
        var again = false
        while true {
            do throws(PostgresError) {
                if batch == nil {
                    let ids = try await numbers.take(submissions.count, in: pool)
                    batch = zip(ids, submissions).map { NumberedSubmission(id: $0, submission: $1) }
                }
                let verdicts = try await admitTasks(batch ?? [], again: again, in: pool)
                hints.tasksWait()
                return verdicts.map { .success($0) }
            } catch {
                // A lost answer does not say whether the batch was written. The numbers do: with `again` the same call
                // finds what it wrote. A duplicate number means that the lost call is only now committing.
                let duplicate = error.constraint == "tasks_pkey"
                guard error.isUnavailable || duplicate else { return await separately(submissions, error) }
                if ContinuousClock.now > deadline || Task.isCancelled {
                    log(error, submissions.count)
                    return submissions.map { _ in .failure(AdmitError.unavailable) }
                }
                again = batch != nil
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// The database refused the whole batch for the sake of one request: each is sent alone, so that only that one fails.
    private func separately(
        _ submissions: [Submission], _ error: PostgresError
    ) async -> [Result<Verdict, any Error>] {
        guard submissions.count > 1 else {
            log(error, 1)
            return [.failure(AdmitError.broken)]
        }
        var answers: [Result<Verdict, any Error>] = []
        for submission in submissions { answers += await send([submission]) }
        return answers
    }

    private func log(_ error: PostgresError, _ count: Int) {
        logger.error("a batch of submits failed", metadata: ["error": "\(error)", "requests": "\(count)"])
    }
}
