import Domain
import Logging
import Providers

/// How a submit ended.
enum SubmitEnd: Sendable {
    case made(MadePicture)
    /// Nothing is charged for it: another may be asked.
    case refused
}

/// Follows a job that a provider has accepted, to its picture.
struct Follow: Sendable {
    private static let fetchesMax = 5

    let routes: Routes
    let submits: SubmitDesk
    let schedule: AskSchedule
    let logger: Logger

    /// Asks for the job until it has ended, and at least once: while no node was there it may have been made, and is paid for.
    /// At the deadline the task fails; what the provider does later is found out by ``LateSubmits``.
    func callAsFunction(_ open: OpenSubmit, _ place: AttemptPlace) async throws -> SubmitEnd {
        guard let id = open.providerTaskID else { throw NotMade.failed(.serviceError, open.bill) }
        let started = ContinuousClock.now
        var askedFor: Double?
        var isSilent = false
        repeat {
            try await pause(open, since: started, askedFor: askedFor)
            askedFor = nil
            switch await open.route.provider.poll(id) {
            case .waiting(let progress):
                isSilent = false
                progress.map(place.progress)
            case .made(let picture):
                let end = try await made(open, picture)
                routes.take(open.route.id, .jobMade(seconds: (ContinuousClock.now - started) / .seconds(1), asked: open.asked))
                return end
            case .failed(let fault):
                routes.take(open.route.id, .jobFailed(fault))
                return try await refused(open, fault)
            // What it accepted and does not know it may still charge for.
            case .missing: continue
            case .unanswered(let reason, let seconds):
                // Once for each silence: one job that is not answered for says little about the provider.
                if !isSilent, !Task.isCancelled { routes.take(open.route.id, .jobFailed(ProviderFault(.away, reason))) }
                isSilent = true
                askedFor = seconds
            }
        } while ContinuousClock.now < open.deadline
        throw NotMade.failed(.timeout, open.bill)
    }

    /// Writes down that the provider has the job, and follows it.
    func accepted(_ open: OpenSubmit, _ id: String, _ place: AttemptPlace) async throws -> SubmitEnd {
        var open = open
        open.providerTaskID = id
        try await submits.record(open, .accepted)
        return try await self(open, place)
    }

    /// Writes down that the picture is there, and is billed.
    func made(_ open: OpenSubmit, _ picture: ProviderPicture) async throws -> SubmitEnd {
        try await submits.record(open, .made, cost: picture.cost)
        // Who does not tell is not paid for nothing, and a wait of another attempt is not counted.
        let waited = Int(((ContinuousClock.now - open.began) / .seconds(1)).rounded(.up))
        return .made(MadePicture(picture: picture, seconds: picture.seconds ?? waited, bill: open.bill(picture), submit: open))
    }

    /// Writes down that nothing is charged, and decides whether another provider would do better.
    func refused(_ open: OpenSubmit, _ fault: ProviderFault) async throws -> SubmitEnd {
        try await submits.record(open, .refused, fault: FaultWord(fault), message: fault.message)
        switch fault.kind {
        // It bills nothing; the attempt names who refused it.
        case .job, .moderated: throw NotMade.failed(fault.taskFailure, Bill(provider: open.route.provider.name))
        case .settings, .busy, .away, .failed: return .refused
        }
    }

    /// The file of a picture, whole and as it was ordered. A link that does not work is asked for anew. The picture's own bill
    /// holds whatever comes of it.
    func file(of made: MadePicture, _ order: PictureOrder) async throws -> [UInt8] {
        if made.picture.isFlagged { throw NotMade.failed(.policyViolation, nil) }
        guard let open = made.submit else {
            guard case .bytes(let bytes) = made.picture.source else { throw NotMade.failed(.serviceError, nil) }
            return bytes
        }
        var picture = made.picture
        let started = ContinuousClock.now
        for fetch in 1...Self.fetchesMax {
            do {
                let bytes: [UInt8]
                switch picture.source {
                case .bytes(let here): bytes = here
                case .link(let link): bytes = try await open.route.provider.fetch(link)
                }
                return try await ResultPicture.fitted(bytes, to: order.image.size, as: order.image.format)
            } catch {
                if Task.isCancelled { throw NotMade.lost }
                guard fetch < Self.fetchesMax, case .link = picture.source, let id = open.providerTaskID else { break }
                try await pause(open, since: started)
                if case .made(let again) = await open.route.provider.poll(id) { picture = again }
            }
        }
        throw NotMade.failed(.serviceError, nil)
    }

    /// Waits until the provider is due to be asked: by the schedule, or sooner when it has called. Anybody who knows the address
    /// can call, and as often as they like, so there is a part of the pause that is always kept.
    func pause(_ open: OpenSubmit, since started: ContinuousClock.Instant, askedFor: Double? = nil) async throws {
        let waited = (ContinuousClock.now - started) / .seconds(1)
        let seconds = schedule.pauseSeconds(waited: waited, askedFor: askedFor, chance: Double.random(in: 0...1))
        let kept = schedule.hintedSeconds(of: seconds, askedFor: askedFor)
        do { try await Task.sleep(for: .seconds(kept)) } catch { throw NotMade.lost }
        let isCalled = await open.hint.wait(atMost: .seconds(seconds - kept))
        if Task.isCancelled { throw NotMade.lost }
        if isCalled { logger.debug("asks early because the provider called", metadata: ["submit": "\(open.id)"]) }
    }
}

extension OpenSubmit {
    /// With what the provider itself says it bills.
    func bill(_ picture: ProviderPicture) -> Bill {
        var bill = bill
        if let cost = picture.cost { bill.cost = cost }
        return bill
    }
}
