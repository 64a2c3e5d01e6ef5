public import Domain
public import Logging
public import Postgres
public import Providers
import Queue

/// One picture of a task, as its provider is asked for it.
struct PictureOrder: Sendable {
    /// The task, under its lease.
    let task: ClaimedTask
    /// Which of its pictures, from 0 on.
    let picture: Int
    /// What to draw; the seed is this picture's.
    let image: ImageRequest
    /// Gets what it is drawn from; nothing is fetched before a provider is there for it.
    let inputs: @Sendable () async throws -> PreparedInputs?
}

/// What a picture is expected to cost, and by which id the invoice will name it.
struct Bill: Sendable, Equatable {
    var provider: String
    var providerTaskID: String?
    var cost: ProviderCost?
}

/// A picture that was made.
struct MadePicture: Sendable {
    let picture: ProviderPicture
    /// How long it took, rounded up, for prices that count seconds: by the provider's word, and else by our clock.
    let seconds: Int
    let bill: Bill
    /// Whoever made it, for its links; nil for the built-in engine.
    let submit: OpenSubmit?
}

/// A submit that was written down and the provider that it went to.
struct OpenSubmit: Sendable {
    let id: Int64
    let route: ChosenRoute
    let deadline: ContinuousClock.Instant
    /// Sent when its provider has called.
    let hint: Signal
    /// When it was made; nil where that was in an earlier attempt.
    var asked: ContinuousClock.Instant?
    var providerTaskID: String?
    /// When this attempt began with it.
    let began = ContinuousClock.now

    var bill: Bill {
        Bill(provider: route.provider.name, providerTaskID: providerTaskID, cost: route.cost)
    }
}

/// Why there is no picture.
enum NotMade: Error {
    /// The task fails; the bill is what may be charged all the same.
    case failed(TaskFailure, Bill?)
    /// Nobody can take it now; it may be tried again after the seconds.
    case later(seconds: Double)
    /// Somebody else works on the task, or nobody any more.
    case lost
}

/// Gets a picture from a provider: chooses one, writes the submit down, hands the job over, and waits for what becomes of it.
/// Where a submit is refused another provider is asked; where its fate is unknown nobody else is, whatever happens to this node.
public struct Generate: Sendable {
    /// How many providers may try a picture and fail before its task does.
    private static let failuresMax = 3
    /// When a task is tried again that everybody has refused, in seconds.
    private static let refusedSeconds = 1.0

    let routes: Routes
    let submits: SubmitDesk
    let hints: SubmitHints
    let follow: Follow

    /// - Parameters:
    ///   - routes: who can be asked.
    ///   - pool: where submits are written down.
    ///   - hints: tell when it is worth asking sooner than by the schedule.
    ///   - schedule: how often providers are asked for what they work on.
    public init(
        routes: Routes, _ pool: ConnectionPool, hints: SubmitHints, schedule: AskSchedule = AskSchedule(), logger: Logger
    ) {
        self.routes = routes
        submits = SubmitDesk(pool, logger: logger)
        self.hints = hints
        follow = Follow(routes: routes, submits: submits, schedule: schedule, logger: logger)
    }

    func callAsFunction(_ order: PictureOrder, _ place: AttemptPlace) async throws -> MadePicture {
        // The first attempt finds nothing, so it does not look.
        var before = order.task.attempt > 1 ? try await known(order) : []
        // Who was asked in this attempt is not asked again before the others.
        var askedNow: Set<Int32> = []
        while true {
            if Task.isCancelled { throw NotMade.lost }
            let end: SubmitEnd
            if let open = before.last(where: { $0.state != .refused }) {
                place.leaveSlot()
                end = try await resume(open, order, place)
            } else {
                let failures = before.filter { $0.fault == FaultWord.failed.rawValue }
                let nobody = NotMade.failed(.generationFailed, failures.last.map { Bill(provider: $0.provider) })
                if failures.count >= Self.failuresMax { throw nobody }
                let choice = routes.choose(
                    model: order.task.model, mode: order.task.mode, groupID: order.task.groupID, image: order.image,
                    without: askedNow.union(failures.map(\.providerID)))
                switch choice {
                case .builtIn(let engine): return try await draw(order, engine, place)
                case .exhausted where !askedNow.isSubset(of: failures.map(\.providerID)):
                    throw NotMade.later(seconds: Self.refusedSeconds)
                case .exhausted: throw nobody
                case .never: throw NotMade.failed(.operationUnavailable, nil)
                case .later(let seconds): throw NotMade.later(seconds: seconds)
                case .chosen(let route):
                    askedNow.insert(route.id)
                    end = try await submit(order, route, place)
                }
            }
            switch end {
            case .made(let picture): return picture
            case .refused: before = try await known(order)
            }
        }
    }

    private func known(_ order: PictureOrder) async throws -> [StoredSubmit] {
        try await submits.submits(of: order.task.id).filter { $0.picture == order.picture }
    }

    /// Nothing leaves the program, so nothing is written down.
    private func draw(
        _ order: PictureOrder, _ engine: any ImageProvider, _ place: AttemptPlace
    ) async throws -> MadePicture {
        let job = ProviderJob(image: order.image, model: order.task.model, inputs: try await order.inputs())
        let bill = Bill(provider: engine.name)
        switch await engine.submit(job, progress: place.progress) {
        case .made(let picture): return MadePicture(picture: picture, seconds: picture.seconds ?? 0, bill: bill, submit: nil)
        case .refused(let fault): throw NotMade.failed(fault.taskFailure, bill)
        case .accepted, .unknown: throw NotMade.failed(.serviceError, bill)
        }
    }

    private func submit(_ order: PictureOrder, _ route: ChosenRoute, _ place: AttemptPlace) async throws -> SubmitEnd {
        let inputs = try await order.inputs()
        switch routes.permission(route.id) {
        case .yes: break
        // Somebody else may have been permitted the one job that finds out whether it is back.
        case .no: return .refused
        case .trial: guard await isReached(route, place) else { return .refused }
        }
        let verdict: SubmitVerdict
        let reference = SubmitBook.newReference()
        do { verdict = try await submits.begin(order, route, reference) } catch {
            routes.take(route.id, .abandoned)
            throw error
        }
        guard case .begun(let id) = verdict else { return try notBegun(verdict, route) }
        place.leaveSlot()
        return try await hints.following(reference) { hint in
            let job = job(order, route, inputs, reference)
            let open = OpenSubmit(id: id, route: route, deadline: .now + .seconds(route.deadlineSeconds), hint: hint, asked: routes.moment)
            return try await handOver(job, open, place)
        }
    }

    /// The same for a reference whenever it is made, because a repeated submit must be the same.
    private func job(_ order: PictureOrder, _ route: ChosenRoute, _ inputs: PreparedInputs?, _ reference: String) -> ProviderJob {
        ProviderJob(
            image: order.image, model: route.upstreamModel, inputs: inputs, reference: reference,
            callbackURL: route.provider.capabilities.callsBack ? hints.url(for: reference) : nil)
    }

    /// Before a job is risked at one that failed, whether anybody is there at all: a job that hangs there may fail, and this
    /// costs nobody anything.
    private func isReached(_ route: ChosenRoute, _ place: AttemptPlace) async -> Bool {
        place.leaveSlot()
        let first = await route.provider.test(model: route.upstreamModel).first
        guard let problem = first?.problem else { return true }
        routes.take(route.id, Task.isCancelled ? .abandoned : .lost(problem))
        return false
    }

    private func notBegun(_ verdict: SubmitVerdict, _ route: ChosenRoute) throws -> SubmitEnd {
        switch verdict {
        case .full: routes.take(route.id, .limited(seconds: 0.5, "it has as many jobs as it may"))
        case .limited(let seconds): routes.take(route.id, .limited(seconds: seconds, "it has had as many requests as it may"))
        // Another attempt's submit is found by looking again.
        case .stale, .taken, .begun: routes.take(route.id, .abandoned)
        }
        if case .stale = verdict { throw NotMade.lost }
        return .refused
    }

    private func handOver(_ job: ProviderJob, _ open: OpenSubmit, _ place: AttemptPlace) async throws -> SubmitEnd {
        let started = ContinuousClock.now
        let answer = await open.route.provider.submit(job, progress: place.progress)
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        routes.take(open.route.id, Self.event(answer, seconds: seconds))
        switch answer {
        case .accepted(let id): return try await follow.accepted(open, id, place)
        case .made(let picture): return try await follow.made(open, picture)
        case .refused(let fault): return try await follow.refused(open, fault)
        case .unknown(let reason):
            // One's own engine bills nothing, so nothing is lost by asking another.
            if open.route.billsNothing { return try await follow.refused(open, ProviderFault(.away, reason)) }
            try await submits.record(open, .unknown, fault: .unknown, message: reason)
            if Task.isCancelled { throw NotMade.lost }
            return try await findOut(job, open, place)
        }
    }

    /// What an answer says about the provider; nothing where we gave the call up.
    private static func event(_ answer: SubmitAnswer, seconds: Double) -> ProviderEvent {
        switch answer {
        case .accepted: .accepted(seconds: seconds)
        case .made: .made(seconds: seconds)
        case .refused where Task.isCancelled, .unknown where Task.isCancelled: .abandoned
        case .refused(let fault): .refused(fault, seconds: seconds)
        case .unknown(let reason): .lost(reason)
        }
    }

    /// Goes on with a submit of an earlier attempt.
    private func resume(_ stored: StoredSubmit, _ order: PictureOrder, _ place: AttemptPlace) async throws -> SubmitEnd {
        guard let route = routes.route(stored, model: order.task.model) else {
            throw NotMade.later(seconds: 5)
        }
        return try await hints.following(stored.reference) { hint in
            let open = OpenSubmit(
                id: stored.id, route: route, deadline: .now + .seconds(stored.secondsLeft), hint: hint,
                providerTaskID: stored.providerTaskID)
            return try await goOn(stored, open, order, place)
        }
    }

    private func goOn(
        _ stored: StoredSubmit, _ open: OpenSubmit, _ order: PictureOrder, _ place: AttemptPlace
    ) async throws -> SubmitEnd {
        let route = open.route
        switch stored.state {
        case .accepted: return try await follow(open, place)
        case .made:
            // The picture was in an answer that is gone; it was paid for, and is not paid for again.
            guard stored.providerTaskID != nil else { throw NotMade.failed(.serviceError, open.bill) }
            return try await follow(open, place)
        case .abandoned: throw NotMade.failed(.timeout, open.bill)
        case .refused: return .refused
        case .intended, .unknown:
            if route.billsNothing { return try await follow.refused(open, ProviderFault(.away, "its node ended")) }
            let inputs = route.provider.capabilities.deduplicates ? try await order.inputs() : nil
            return try await findOut(job(order, route, inputs, stored.reference), open, place)
        }
    }

    /// Finds out what became of a submit that was not answered: by repeating it where that is the same job, and else by waiting
    /// for whoever may still write an answer down; no provider that we know finds a job by a name of ours. At the deadline it
    /// is given up, with what it may cost.
    private func findOut(_ job: ProviderJob, _ open: OpenSubmit, _ place: AttemptPlace) async throws -> SubmitEnd {
        var open = open
        let started = ContinuousClock.now
        let provider = open.route.provider
        while ContinuousClock.now < open.deadline {
            try await follow.pause(open, since: started)
            guard let stored = try await submits.submit(open.id) else { throw NotMade.lost }
            guard stored.state == .intended || stored.state == .unknown else {
                open.providerTaskID = stored.providerTaskID
                if stored.state == .refused { return .refused }
                return try await follow(open, place)
            }
            if provider.capabilities.deduplicates {
                switch await provider.submit(job, progress: place.progress) {
                case .accepted(let id): return try await follow.accepted(open, id, place)
                case .made(let picture): return try await follow.made(open, picture)
                // Only a word about the job itself says something about the first submit too.
                case .refused(let fault) where fault.kind == .job || fault.kind == .moderated:
                    return try await follow.refused(open, fault)
                case .refused, .unknown: continue
                }
            }
        }
        try await submits.record(open, .abandoned, fault: .unknown, message: "no answer came until its deadline")
        throw NotMade.failed(.timeout, open.bill)
    }
}
