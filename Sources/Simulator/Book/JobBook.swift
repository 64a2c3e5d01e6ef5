import Domain
import Foundation
import Synchronization

/// Everything that a simulated provider was asked and has done. Tests read it directly, operators at `GET /_simulator`.
public final class JobBook: Sendable {
    /// Jobs that are known; older ones are forgotten.
    static let jobsMax = 20_000
    static let submitsMax = 20_000

    struct Contents {
        var jobs: [String: SimulatedJob] = [:]
        var order: [String] = []
        var keys: [String: (body: [UInt8], id: String)] = [:]
        var submits: [SimulatedSubmit] = []
        var chargedBefore = 0
        var number = 0
        var calls: [Moment: Int] = [:]
        var callbacks = 0
        /// Pictures that the balance pays for; nil: it is never empty.
        var balance: Int?
    }

    private let contents: Mutex<Contents>
    private let events = EventBoard()
    private let changes = ChangeBoard()
    /// The present.
    let now: @Sendable () -> Date

    init(balance: Int?, now: @escaping @Sendable () -> Date) {
        contents = Mutex(Contents(balance: balance))
        self.now = now
    }

    // MARK: reading

    /// All submits, the first one first; of very many the last.
    public var submits: [SimulatedSubmit] { contents.withLock { $0.submits } }

    /// All jobs in the order in which they were accepted.
    public var jobs: [SimulatedJob] { contents.withLock { book in book.order.compactMap { book.jobs[$0] } } }

    /// A job; nil when there is none of that id.
    public func job(_ id: String) -> SimulatedJob? { contents.withLock { $0.jobs[id] } }

    /// How many jobs are paid for.
    public var charged: Int { contents.withLock { book in book.chargedBefore + book.jobs.values.count(where: \.isCharged) } }

    /// How many jobs are paid for whose prompt has this in it.
    public func charged(forPromptContaining word: String) -> Int {
        contents.withLock { book in book.jobs.values.count { $0.isCharged && $0.order.prompt.contains(word) } }
    }

    /// How many submits came whose prompt has this in it, whatever became of them.
    public func submits(forPromptContaining word: String) -> [SimulatedSubmit] { submits.filter { $0.prompt.contains(word) } }

    /// How many calls came of a kind.
    public func calls(_ moment: Moment) -> Int { contents.withLock { $0.calls[moment, default: 0] } }

    /// How many callbacks were sent, repeated ones included.
    public var callbacks: Int { contents.withLock { $0.callbacks } }

    /// Pictures that the balance still pays for; nil: it is never empty.
    public var balance: Int? { contents.withLock { $0.balance } }

    // MARK: waiting

    /// The next call of a kind that nobody has awaited yet, once everything that it does is done. Nil when the waiting task
    /// is cancelled or the simulator stops.
    public func next(_ moment: Moment) async -> SimulatorEvent? { await events.next(moment) }

    /// Ends all jobs that are under way now.
    /// - Returns: how many there were.
    @discardableResult
    public func finishAll() -> Int {
        let now = now()
        let count = contents.withLock { book in
            let open = book.jobs.values.filter { !$0.state(at: now).isEnd }
            for job in open { book.jobs[job.id]?.doneAt = now }
            return open.count
        }
        changes.tell()
        return count
    }

    /// Waits until a job has ended, or the waiting task is cancelled.
    func ended(_ id: String) async {
        while !Task.isCancelled {
            let changed = changes.subscribe()
            guard let job = job(id), !job.state(at: now()).isEnd else { return }
            let seconds = min(max(0.001, job.doneAt.timeIntervalSince(now())), 3600)
            await withTaskGroup { group in
                group.addTask { try? await Task.sleep(for: .seconds(seconds)) }
                group.addTask { for await _ in changed { return } }
                await group.next()
                group.cancelAll()
            }
        }
    }

    // MARK: writing

    /// What becomes of an order.
    enum Acceptance { case accepted(SimulatedJob), replayed(SimulatedJob), conflict, noCredit }

    /// Accepts a job and takes its price from the balance, unless the same key was used before.
    /// - Parameter body: what a repeated key is compared by.
    func accept(_ job: SimulatedJob, key: String?, body: [UInt8]) -> Acceptance {
        contents.withLock { book in
            if let key, let known = book.keys[key] {
                guard known.body == body, let earlier = book.jobs[known.id] else { return .conflict }
                return .replayed(earlier)
            }
            if let balance = book.balance, job.isCharged {
                guard balance > 0 else { return .noCredit }
                book.balance = balance - 1
            }
            book.jobs[job.id] = job
            book.order.append(job.id)
            if let key { book.keys[key] = (body, job.id) }
            book.forgetOld()
            return .accepted(job)
        }
    }

    /// Changes a job; what it then need not pay comes back to the balance.
    @discardableResult
    func change(_ id: String, _ body: (inout SimulatedJob) -> Void) -> SimulatedJob? {
        let job = contents.withLock { book -> SimulatedJob? in
            guard var job = book.jobs[id] else { return nil }
            let wasCharged = job.isCharged
            body(&job)
            if wasCharged, !job.isCharged, let balance = book.balance { book.balance = balance + 1 }
            book.jobs[id] = job
            return job
        }
        changes.tell()
        return job
    }

    func write(
        _ outcome: SimulatedSubmit.Outcome, id: String?, prompt: String, key: String?, fault: Fault?, reason: String? = nil,
        fields: String
    ) {
        contents.withLock { book in
            book.number += 1
            book.submits.append(SimulatedSubmit(
                number: book.number, id: id, prompt: prompt, idempotencyKey: key, outcome: outcome, fault: fault,
                reason: reason, fields: fields))
            if book.submits.count > Self.submitsMax { book.submits.removeFirst(Self.submitsMax / 10) }
        }
        count(.submit, id: id, prompt: prompt, fault: fault)
    }

    /// Counts a call, after it has done what it does.
    func count(_ moment: Moment, id: String?, prompt: String, fault: Fault?) {
        contents.withLock { $0.calls[moment, default: 0] += 1 }
        events.tell(SimulatorEvent(moment: moment, id: id, prompt: prompt, fault: fault))
    }

    func countCallback() { contents.withLock { $0.callbacks += 1 } }

    /// Ends all waiting.
    func close() { events.close() }
}

extension JobBook.Contents {
    /// Removes the oldest jobs once there are too many.
    fileprivate mutating func forgetOld() {
        guard order.count > JobBook.jobsMax else { return }
        let old = Set(order.prefix(JobBook.jobsMax / 10))
        chargedBefore += old.count { jobs[$0]?.isCharged ?? false }
        order.removeFirst(old.count)
        for id in old { jobs[id] = nil }
        keys = keys.filter { !old.contains($0.value.id) }
    }
}
