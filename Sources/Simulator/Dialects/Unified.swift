import Domain
import Foundation
import Providers

/// The unified dialect as EvoLink documents and calls it.
struct Unified: Dialect {
    static let model = "z-image-turbo"
    private static let tasks = "/v1/tasks/"

    let settings: DialectSettings

    init(_ settings: DialectSettings) { self.settings = settings }

    func purpose(of call: Call) -> Purpose? {
        let parts = call.parts.map(String.init)
        switch (call.method, parts.count) {
        case ("POST", 3) where call.path == "/v1/images/generations": return .submit
        case ("GET", 3) where call.path.hasPrefix(Self.tasks): return .poll(parts[2])
        // Nothing documents it, though each task says `can_cancel`; our own service speaks this dialect so.
        case ("POST", 4) where call.path.hasPrefix(Self.tasks) && parts[3] == "cancel" && !settings.has(.noCancel):
            return .cancel(parts[2])
        case ("POST", 3) where call.path == "/v1/tasks/batch": return .account(batch(call))
        case ("GET", 2) where call.path == "/v1/tasks": return .account(list(call))
        case ("GET", 2) where call.path == "/v1/credits": return .account(.json(credits))
        case ("GET", 2) where call.path == "/v1/models": return .account(.json(models))
        default: return nil
        }
    }

    func makeID() -> String { "task-unified-\(Int(settings.now.timeIntervalSince1970))-\(randomText(8))" }

    func idempotencyKey(_ call: Call) -> String? {
        settings.has(.noIdempotency) ? nil : call.headers["idempotency-key"]
    }

    // MARK: submit

    func order(_ call: Call) async throws(Refusal) -> (SimulatedOrder, PreparedInputs?) {
        let fields = try Fields(json: call.body)
        guard let model = try fields.string("model") else {
            throw Refusal(.invalid, "model is required.", param: "model")
        }
        guard model == Self.model else { throw Refusal(.unknownModel, "The model \(model) does not exist.", param: "model") }
        let prompt = try fields.prompt(charactersMax: 2000)
        let sizeText = try fields.string("size")
        let seed = try fields.int("seed", in: 1...2_147_483_647)
        let nsfwCheck = try fields.bool("nsfw_check") ?? false
        var order = SimulatedOrder(
            prompt: prompt, model: model, size: try size(sizeText ?? "1:1"), sizeText: sizeText,
            seed: seed ?? .random(in: 1...2_147_483_647), format: .png)
        order.hasSeed = seed != nil
        order.nsfwCheck = nsfwCheck
        if let url = try fields.string("callback_url") {
            let isPublicOnly = !settings.has(.localCallbacks)
            order.callbackURL = try CallbackAddress.checked(url, isPublicOnly: isPublicOnly, "callback_url")
        }
        return (order, nil)
    }

    private func size(_ text: String) throws(Refusal) -> ImageSize {
        if let size = Ratios.unified[text] { return settings.has(.otherSizes) ? Ratios.other(size) : size }
        let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard sides.count == 2, let width = sides[0], let height = sides[1], (376...1536).contains(width),
            (376...1536).contains(height)
        else {
            throw Refusal(
                .badSize, "size must be one of \(Ratios.unified.keys.sorted().joined(separator: ", ")) or WxH, each from 376 to 1536.",
                param: "size")
        }
        return ImageSize(width: width, height: height)
    }

    func accepted(_ job: SimulatedJob, isReplay: Bool) -> Reply {
        var members = head(job, state: .queued, progress: 0)
        members.append(("task_info", .object([
            ("can_cancel", .bool(true)), ("estimated_time", settings.number(10)),
        ])))
        members.append(("type", .string("image")))
        members.append(("usage", .object([
            ("billing_rule", .string("per_call")), ("credits_reserved", credits(settings.price)),
            ("user_group", .string("default")),
        ])))
        return .json(.object(members), headers: isReplay ? [(name: "idempotency-replayed", value: "true")] : [])
    }

    // MARK: task

    func status(_ job: SimulatedJob) async -> Reply { .json(callback(job)) }

    /// The task; a callback's body is the same.
    func callback(_ job: SimulatedJob) -> JSON {
        let state = job.state(at: settings.now)
        var members = head(job, state: state, progress: job.progress(at: settings.now))
        if state == .completed { members.append(("results", .array([.string(settings.link(job))]))) }
        if state == .failed {
            let isUnfit = job.failure == unfitFailure
            members.append(("error", .object([
                ("code", .string(isUnfit ? "content_policy_violation" : "service_error")), ("message", .optional(job.failure)),
            ])))
        }
        members.append(("task_info", .object([("can_cancel", .bool(!state.isEnd))])))
        members.append(("type", .string("image")))
        if !settings.has(.sparse) { members.append(("usage", usage(job, state))) }
        return .object(members)
    }

    private func head(_ job: SimulatedJob, state: SimulatedState, progress: Int) -> [(String, JSON)] {
        [
            ("created", SimulatedTime.seconds(job.createdAt)), ("id", .string(job.id)), ("model", .string(job.order.model)),
            ("object", .string("image.generation.task")), ("progress", settings.number(progress)),
            ("status", .string(Self.word(state))),
        ]
    }

    static func word(_ state: SimulatedState) -> String { state == .queued ? "pending" : state.rawValue }

    private func usage(_ job: SimulatedJob, _ state: SimulatedState) -> JSON {
        var members: [(String, JSON)] = [
            ("billing_rule", .string("per_call")), ("credits_reserved", credits(settings.price)),
        ]
        if state.isEnd {
            let cost = job.isCharged ? job.cost : ProviderCost(micro: 0, currency: job.cost.currency)
            members.append(("credits_used", credits(cost)))
            members.append(("cost", .object([("credits", credits(cost)), ("usd", settings.number(cost.amount))])))
        }
        return .object(members + [("user_group", .string("default"))])
    }

    /// 68 credits to the dollar, as its own client counts.
    private func credits(_ cost: ProviderCost) -> JSON {
        settings.number(ProviderCost(micro: cost.micro * 68, currency: cost.currency).amount)
    }

    var unfitFailure: String? { "The content violates the content policy." }
    var failure: String { "The service failed to make the picture." }
    var callbackTimeoutSeconds: Double { 10 }
    var callbackWaitsSeconds: [Double] { [1, 2, 4] }

    // MARK: account

    private var credits: JSON {
        let left = Int64(settings.book.balance ?? 1_000_000) * settings.price.micro
        let used = settings.book.jobs.reduce(Int64(0)) { $0 + ($1.isCharged ? $1.cost.micro : 0) }
        let amounts = [
            ("remaining_credits", credits(ProviderCost(micro: left, currency: "USD"))),
            ("used_credits", credits(ProviderCost(micro: used, currency: "USD"))),
        ]
        return .object([("data", .object([
            ("token", .object(amounts + [("unlimited_credits", .bool(false))])), ("user", .object(amounts)),
        ]))])
    }

    private var models: JSON {
        .object([
            ("object", .string("list")),
            ("data", .array([.object([
                ("id", .string(Self.model)), ("object", .string("model")), ("created", .int(1_757_165_031)),
                ("owned_by", .string("simulator")),
            ])])),
        ])
    }

    private func list(_ call: Call) -> Reply {
        let now = settings.now
        let all = settings.book.jobs.reversed().filter { job in
            call.query["status"].map { $0 == Self.word(job.state(at: now)) } ?? true
        }
        let page = min(max(1, call.query["page"].flatMap { Int($0) } ?? 1), 1_000_000)
        let size = min(100, max(1, call.query["page_size"].flatMap { Int($0) } ?? 20))
        let rows = all.dropFirst((page - 1) * size).prefix(size).map { job -> JSON in
            let state = job.state(at: now)
            return .object([
                ("id", .string(job.id)), ("model", .string(job.order.model)), ("type", .string("image")),
                ("status", .string(Self.word(state))), ("progress", settings.number(job.progress(at: now))),
                ("created_at", SimulatedTime.seconds(job.createdAt)), ("has_results", .bool(state == .completed)),
                ("result_count", settings.number(state == .completed ? 1 : 0)), ("has_error", .bool(state == .failed)),
                ("credits_used", state == .completed ? credits(job.cost) : settings.number(0)),
            ])
        }
        return .json(.object([
            ("data", .array(Array(rows))), ("total", .int(Int64(all.count))), ("page", .int(Int64(page))),
            ("page_size", .int(Int64(size))),
        ]))
    }

    private func batch(_ call: Call) -> Reply {
        guard case .object(let fields)? = Value(call.body), case .list(let ids)? = fields["task_ids"], ids.count <= 50 else {
            return refused(Refusal(.invalid, "task_ids must be a list of at most 50 ids.", param: "task_ids"))
        }
        let jobs = ids.compactMap { id -> SimulatedJob? in
            guard case .string(let id) = id else { return nil }
            return settings.book.job(id)
        }
        return .json(.object([("data", .array(jobs.map(callback)))]))
    }

    // MARK: errors

    func refused(_ refusal: Refusal) -> Reply { UnifiedErrors(hasStringCodes: settings.has(.stringCodes)).reply(refusal) }
}

/// `error.code` is the status on the route of submits, and a word on the others.
private struct UnifiedErrors {
    let hasStringCodes: Bool

    func reply(_ refusal: Refusal) -> Reply {
        let (status, type, word) = words(refusal.kind)
        var headers: [(name: String, value: String)] = []
        if case .busy(let seconds) = refusal.kind { headers = [(name: "retry-after", value: "\(seconds)")] }
        let code = word ?? (hasStringCodes ? type.replacing("_error", with: "") : nil)
        let error = DialectSettings.object([
            ("code", code.map(JSON.string) ?? .int(Int64(status))), ("message", .string(refusal.message)),
            ("type", .string(type)), ("param", refusal.param.map(JSON.string)),
        ])
        return .json(.object([("error", error)]), status: status, headers: headers)
    }

    private func words(_ kind: Refusal.Kind) -> (status: Int, type: String, word: String?) {
        switch kind {
        case .noKey, .wrongKey, .status(401): (401, "authentication_error", nil)
        case .noCredit: (402, "insufficient_quota_error", hasStringCodes ? "insufficient_user_quota" : nil)
        case .unknownModel, .unknownRoute: (404, "not_found_error", nil)
        case .conflict: (409, "invalid_request_error", "idempotency_conflict")
        case .unknownTask: (404, "not_found_error", "resource_not_found")
        case .malformedTask: (400, "invalid_request_error", "invalid_task_id")
        case .tooLate: (409, "invalid_request_error", "task_not_cancellable")
        case .busy: (429, "rate_limit_error", nil)
        case .status(502): (502, "upstream_error", nil)
        case .status(503): (503, "service_unavailable_error", nil)
        case .status: (500, "internal_server_error", nil)
        case .invalid, .badSize, .badPicture, .unfit: (400, "invalid_request_error", nil)
        }
    }
}
