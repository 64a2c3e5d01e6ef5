import Domain
import Images
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

    /// Asks for the job until it has ended. At the deadline the task fails; what the provider does later is found out by
    /// ``LateSubmits``.
    func callAsFunction(_ open: OpenSubmit, _ place: AttemptPlace) async throws -> SubmitEnd {
        guard let id = open.providerTaskID else { throw NotMade.failed(.serviceError, open.bill) }
        let started = ContinuousClock.now
        var askedFor: Double?
        var isSilent = false
        while ContinuousClock.now < open.deadline {
            try await pause(since: started, askedFor: askedFor)
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
        }
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
        return .made(MadePicture(picture: picture, bill: open.bill(picture), submit: open))
    }

    /// Writes down that nothing is charged, and decides whether another provider would do better.
    func refused(_ open: OpenSubmit, _ fault: ProviderFault) async throws -> SubmitEnd {
        try await submits.record(open, .refused, fault: FaultWord(fault), message: fault.message)
        switch fault.kind {
        case .job, .moderated: throw NotMade.failed(fault.taskFailure, nil)
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
                try await pause(since: started, askedFor: nil)
                if case .made(let again) = await open.route.provider.poll(id) { picture = again }
            }
        }
        throw NotMade.failed(.serviceError, nil)
    }

    func pause(since started: ContinuousClock.Instant, askedFor: Double?) async throws {
        let waited = (ContinuousClock.now - started) / .seconds(1)
        let seconds = schedule.pauseSeconds(waited: waited, askedFor: askedFor, chance: Double.random(in: 0...1))
        do { try await Task.sleep(for: .seconds(seconds)) } catch { throw NotMade.lost }
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
