import Curl
import Domain
import Foundation
import Providers

/// What every dialect does in the same order: key, script, request, balance, job, answer.
struct Desk: Sendable {
    let dialect: any Dialect
    let settings: Simulator.Settings
    let book: JobBook
    let script: FaultScript
    let pictures: Pictures
    /// Told the id of each new job whose end somebody wants to hear.
    let announce: @Sendable (String) -> Void

    init(
        _ settings: Simulator.Settings, _ address: ServerAddress, _ transfers: Transfers,
        announce: @escaping @Sendable (String) -> Void
    ) throws(SimulatorError) {
        self.settings = settings
        self.announce = announce
        script = try FaultScript(settings.kind, settings.faults)
        book = JobBook(balance: settings.balance, now: settings.now)
        pictures = Pictures(transfers, draw: settings.draw)
        let known = DialectSettings(
            kind: settings.kind, quirks: settings.quirks, price: settings.price, linkSeconds: settings.linkSeconds,
            address: address, book: book, pictures: pictures)
        dialect =
            switch settings.kind {
            case .novita, .highway: V3(known)
            case .unified: Unified(known)
            case .zimageturbo: ZImageTurbo(known)
            case .openaiImages: OpenAIImages(known)
            }
    }

    func answer(_ call: Call) async -> Answer {
        guard let purpose = dialect.purpose(of: call) else { return .reply(dialect.refused(.unknownRoute)) }
        if case .open(let reply) = purpose { return .reply(reply) }
        if let refusal = keyRefusal(call) {
            if case .submit = purpose { write(.refused, call, nil, refusal: refusal) }
            return .reply(dialect.refused(refusal))
        }
        switch purpose {
        case .submit: return await submit(call)
        case .poll(let id): return await poll(id ?? "")
        case .cancel(let id): return await cancel(id)
        case .account(let reply), .open(let reply): return .reply(reply)
        }
    }

    private func keyRefusal(_ call: Call) -> Refusal? {
        guard let key = settings.key else { return nil }
        guard let given = call.bearer else { return .noKey }
        return given == key ? nil : .wrongKey
    }

    // MARK: submit

    private func submit(_ call: Call) async -> Answer {
        do throws(Refusal) {
            let (order, inputs) = try await dialect.order(call)
            let fault = script.take(.submit, prompt: order.prompt)
            if let answer = before(fault) {
                let refusal = fault.flatMap(Self.refusal)
                write(refusal == nil ? .dropped : .refused, call, nil, prompt: order.prompt, fault: fault, refusal: refusal)
                return answer
            }
            return await accept(order, inputs, call, fault)
        } catch {
            write(.refused, call, nil, refusal: error)
            return .reply(dialect.refused(error))
        }
    }

    private func accept(_ order: SimulatedOrder, _ inputs: PreparedInputs?, _ call: Call, _ fault: Fault?) async -> Answer {
        let now = book.now()
        var job = SimulatedJob(
            id: dialect.makeID(), order: order, createdAt: now,
            doneAt: now.addingTimeInterval(min(settings.secondsPerJob, 1e9)), cost: settings.price)
        mark(&job, fault)
        if let inputs { await pictures.draw(order, from: inputs, as: job.id) }
        let key = dialect.idempotencyKey(call)
        switch book.accept(job, key: key, body: call.body) {
        case .noCredit: return refuse(.noCredit, order, call, fault)
        case .conflict:
            return refuse(Refusal(.conflict, "The Idempotency-Key was used with another body."), order, call, fault)
        case .replayed(let earlier):
            write(.replayed, call, earlier.id, prompt: order.prompt, fault: fault)
            return finish(earlier, isReplay: true, fault)
        case .accepted(let job):
            if order.callbackURL != nil { announce(job.id) }
            write(fault.map(Self.loses) ?? false ? .lost : .accepted, call, job.id, prompt: order.prompt, fault: fault)
            return finish(job, isReplay: false, fault)
        }
    }

    private func finish(_ job: SimulatedJob, isReplay: Bool, _ fault: Fault?) -> Answer {
        if let fault, let answer = instead(fault) { return answer }
        var reply = dialect.accepted(job, isReplay: isReplay)
        switch reply.body {
        case .later(let make) where fault != nil: reply.body = .later { spoil(await make(), job, fault) }
        case .events(let event) where fault != nil: reply.body = .events { number in await event(number).map { spoil($0, fault) } }
        case .bytes, .cut, .later, .events: break
        }
        return after(fault, reply)
    }

    /// Stops a job whose caller has closed the connection that the picture would have come by.
    func hangUp(_ id: String) {
        let now = book.now()
        guard let job = book.job(id), job.order.isInline, !job.state(at: now).isEnd else { return }
        book.change(id) { $0.isCancelled = true }
        book.count(.cancel, id: id, prompt: job.order.prompt, fault: nil)
    }

    private func refuse(_ refusal: Refusal, _ order: SimulatedOrder, _ call: Call, _ fault: Fault?) -> Answer {
        write(.refused, call, nil, prompt: order.prompt, fault: fault, refusal: refusal)
        return .reply(dialect.refused(refusal))
    }

    private func write(
        _ outcome: SimulatedSubmit.Outcome, _ call: Call, _ id: String?, prompt: String = "", fault: Fault? = nil,
        refusal: Refusal? = nil
    ) {
        book.write(
            outcome, id: id, prompt: prompt, key: call.headers["idempotency-key"], fault: fault, reason: refusal?.message,
            fields: OpenAIForm.summary(call))
    }

    // MARK: poll and cancel

    private func poll(_ id: String) async -> Answer {
        guard let job = book.job(id) else {
            book.count(.poll, id: nil, prompt: "", fault: nil)
            return .reply(dialect.refused(unknown(id)))
        }
        let fault = script.take(.poll, prompt: job.order.prompt)
        defer { book.count(.poll, id: id, prompt: job.order.prompt, fault: fault) }
        if let answer = before(fault) { return answer }
        let changed = book.change(id) { mark(&$0, fault) } ?? job
        if let fault, let answer = instead(fault) { return answer }
        return after(fault, await dialect.status(changed))
    }

    private func unknown(_ id: String) -> Refusal {
        guard settings.kind == .unified, !id.hasPrefix("task-unified-") else { return .unknownTask }
        return Refusal(.malformedTask, "Invalid task ID format, must start with 'task-unified-'", param: "task_id")
    }

    private func cancel(_ id: String) async -> Answer {
        guard let job = book.job(id) else {
            book.count(.cancel, id: nil, prompt: "", fault: nil)
            return .reply(dialect.refused(unknown(id)))
        }
        let fault = script.take(.cancel, prompt: job.order.prompt)
        defer { book.count(.cancel, id: id, prompt: job.order.prompt, fault: fault) }
        if let answer = before(fault) { return answer }
        let now = book.now()
        guard !job.state(at: now).isEnd else {
            return .reply(dialect.refused(Refusal(.tooLate, "The task has ended already.", param: "task_id")))
        }
        let cancelled = book.change(id) { $0.isCancelled = true } ?? job
        if let fault, let answer = instead(fault) { return answer }
        return after(fault, await dialect.cancelled(cancelled))
    }

    // MARK: faults

    /// The answer of a fault that comes before anything is done.
    func before(_ fault: Fault?) -> Answer? {
        switch fault {
        case .hang: .silence
        case .resetBefore: .close
        case .missing: .reply(dialect.refused(.unknownTask))
        default: fault.flatMap(Self.refusal).map { .reply(dialect.refused($0)) }
        }
    }

    static func refusal(_ fault: Fault) -> Refusal? {
        switch fault {
        case .busy(let seconds): Refusal(.busy(retryAfterSeconds: seconds), "Too many requests.")
        case .status(let status): Refusal(.status(status), "Scripted error \(status).")
        case .noCredit: .noCredit
        default: nil
        }
    }

    /// The answer of a fault that comes after everything is done, in place of the real one.
    private func instead(_ fault: Fault) -> Answer? {
        switch fault {
        case .resetAfter: .close
        case .hangAfter: .silence
        // A proxy in front knows no dialect.
        case .badGatewayAfter: .reply(.badGateway)
        case .garbage: .reply(.text("{\"task\": <", "application/json"))
        default: nil
        }
    }

    private static func loses(_ fault: Fault) -> Bool {
        [.resetAfter, .hangAfter, .badGatewayAfter, .garbage].contains(fault)
    }

    private func after(_ fault: Fault?, _ reply: Reply) -> Answer {
        if case .slow(let seconds)? = fault { return .late(reply, seconds: seconds) }
        return .reply(reply)
    }

    /// What a fault makes of a job.
    private func mark(_ job: inout SimulatedJob, _ fault: Fault?) {
        switch fault {
        case .failed: job.failure = dialect.failure
        case .flagged:
            job.failure = dialect.unfitFailure
            job.isFlagged = true
        case .priceChange: job.cost = ProviderCost(micro: settings.price.micro * 2, currency: settings.price.currency)
        case .duplicateCallback: job.tellsTwice = true
        default: break
        }
    }

    /// What a fault makes of an answer that holds the picture.
    private func spoil(_ reply: Reply, _ job: SimulatedJob, _ fault: Fault?) -> Reply {
        guard case .bytes(let body) = reply.body, case .object(let fields)? = Value(body) else { return reply }
        if case .list(let images)? = fields["images"], case .string(let base64)? = images.first, let spoilt = spoilt(base64, fault) {
            return .json(.object([("images", .array([.string(spoilt)]))]))
        }
        guard case .list(let data)? = fields["data"], case .object(let first)? = data.first,
            case .string(let base64)? = first["b64_json"], let spoilt = spoilt(base64, fault)
        else { return reply }
        return .json(.object([
            ("created", SimulatedTime.seconds(job.createdAt)), ("data", .array([.object([("b64_json", .string(spoilt))])])),
        ]))
    }

    /// The same of an event.
    private func spoil(_ event: JSON, _ fault: Fault?) -> JSON {
        guard case .object(let members) = event else { return event }
        return .object(members.map { name, value in
            guard name == "b64_json", case .string(let base64) = value, let spoilt = spoilt(base64, fault) else { return (name, value) }
            return (name, .string(spoilt))
        })
    }

    /// Something else in place of a picture in base64; nil where it is well.
    private func spoilt(_ base64: String, _ fault: Fault?) -> String? {
        let picture = Data(base64Encoded: base64) ?? Data()
        return switch fault {
        case .wrongType: Data(Files.page).base64EncodedString()
        case .truncated: picture.prefix(picture.count / 2).base64EncodedString()
        default: nil
        }
    }
}
