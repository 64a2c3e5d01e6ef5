import Domain
import Foundation
import Providers

/// Novita's `/v3/async` and the same of HighwayAPI, which can also start from pictures and choose the encoding.
struct V3: Dialect {
    let settings: DialectSettings
    private var isNovita: Bool { settings.kind == .novita }

    init(_ settings: DialectSettings) { self.settings = settings }

    func purpose(of call: Call) -> Purpose? {
        switch (call.method, call.path) {
        case ("POST", "/v3/async/z-image-turbo"): .submit
        case ("GET", "/v3/async/task-result"): .poll(call.query["task_id"])
        case ("GET", "/openapi/v1/billing/balance/detail"): .account(.json(balance))
        default: nil
        }
    }

    func makeID() -> String { UUID().uuidString.lowercased() }

    // MARK: submit

    func order(_ call: Call) async throws(Refusal) -> (SimulatedOrder, PreparedInputs?) {
        let fields = try Fields(json: call.body)
        let prompt = try fields.prompt(charactersMax: nil)
        let sizeText = try fields.string("size")
        let seed = try fields.int("seed", in: -1...2_147_483_647) ?? -1
        let webhook = try fields.inside("extra").inside("webhook").string("url")
        var url: String?
        // The page of webhooks recommends https and does not require it.
        if let webhook { url = try CallbackAddress.checked(webhook, isPublicOnly: false, "extra.webhook.url") }
        var order = SimulatedOrder(
            prompt: prompt, size: try Self.size(sizeText ?? "1024*1024"), sizeText: sizeText,
            seed: seed == -1 ? .random(in: 1...2_147_483_647) : seed, format: isNovita ? .jpeg : try format(fields))
        order.hasSeed = seed != -1
        order.isInline = try fields.bool("enable_base64_output") ?? false
        order.callbackURL = url
        let inputs = isNovita ? nil : try await inputs(fields, order.size)
        if let inputs { order.operation = inputs.mask == nil ? .edit : .inpaint }
        return (order, inputs)
    }

    private static func size(_ text: String) throws(Refusal) -> ImageSize {
        let sides = text.split(separator: "*", omittingEmptySubsequences: false).map { Int($0) }
        guard sides.count == 2, let width = sides[0], let height = sides[1], (256...1536).contains(width),
            (256...1536).contains(height)
        else {
            throw Refusal(.badSize, "size must be width*height, each from 256 to 1536.", param: "size")
        }
        return ImageSize(width: width, height: height)
    }

    private func format(_ fields: Fields) throws(Refusal) -> ImageFormat {
        guard let text = try fields.string("output_format") else { return .webp }
        guard let format = ImageFormat(rawValue: text) else {
            throw Refusal(.invalid, "output_format must be jpeg, png or webp.", param: "output_format")
        }
        return format
    }

    private func inputs(_ fields: Fields, _ size: ImageSize) async throws(Refusal) -> PreparedInputs? {
        let (image, mask) = (try fields.string("image_url"), try fields.string("mask"))
        let strength = try fields.number("strength", in: 0...1)
        guard let image else {
            guard mask == nil, strength == nil else {
                throw Refusal(.invalid, "mask and strength must be used together with image_url.", param: "image_url")
            }
            return nil
        }
        let imageBytes = try await settings.pictures.load(image, param: "image_url")
        var maskBytes: [UInt8]?
        if let mask { maskBytes = try await settings.pictures.load(mask, param: "mask") }
        // No default is printed for strength; this is the sandbox's.
        return try Pictures.prepare(
            image: imageBytes, mask: maskBytes, strength: strength ?? ImageInputs.standardStrength(hasMask: mask != nil),
            size: size, byColour: true)
    }

    func accepted(_ job: SimulatedJob, isReplay: Bool) -> Reply {
        .json(.object([("task_id", .string(job.id))]))
    }

    // MARK: result

    func status(_ job: SimulatedJob) async -> Reply { .json(result(job, inline: await inlined(job))) }

    /// The picture as base64, where the submit asked for it. Where it goes is documented nowhere: in place of the link.
    private func inlined(_ job: SimulatedJob) async -> String? {
        guard job.order.isInline, job.state(at: settings.now) == .completed,
            let bytes = await settings.pictures.picture(of: job)
        else { return nil }
        let prefix = settings.has(.base64DataURI) ? "data:\(job.order.format.contentType);base64," : ""
        return prefix + Data(bytes).base64EncodedString()
    }

    private func result(_ job: SimulatedJob, inline: String? = nil) -> JSON {
        let state = job.state(at: settings.now)
        let isSparse = settings.has(.sparse)
        let image = state == .completed ? [image(job, inline)] : []
        return DialectSettings.object([
            ("extra", extra(job, state)),
            ("task", .object([
                ("task_id", .string(job.id)), ("task_type", .string("Z_IMAGE_TURBO")), ("status", .string(Self.word(state))),
                ("reason", .string(state == .failed ? job.failure ?? "" : "")), ("eta", settings.number(state.isEnd ? 0 : 1)),
                ("progress_percent", settings.number(state == .completed ? 100 : 0)),
            ])),
            ("images", isSparse && image.isEmpty ? nil : .array(image)),
            ("videos", isSparse ? nil : .array([])), ("audios", isSparse ? nil : .array([])),
        ])
    }

    static func word(_ state: SimulatedState) -> String {
        switch state {
        case .queued: "TASK_STATUS_QUEUED"
        case .processing: "TASK_STATUS_PROCESSING"
        case .completed: "TASK_STATUS_SUCCEED"
        case .failed, .cancelled: "TASK_STATUS_FAILED"
        }
    }

    private func extra(_ job: SimulatedJob, _ state: SimulatedState) -> JSON {
        let isFlagged = state == .completed && job.isFlagged
        guard !settings.has(.sparse) || isFlagged else { return .object([]) }
        let webhook = job.order.callbackURL.map { JSON.object([("url", .string($0))]) }
        return DialectSettings.object([
            ("seed", .string("\(job.order.seed)")), ("enable_nsfw_detection", isNovita ? .bool(false) : nil),
            ("has_nsfw_contents", .array(isFlagged ? [.bool(true)] : [])),
            ("debug_info", state.isEnd ? debugInfo(job) : nil), ("webhook", webhook),
        ])
    }

    private func debugInfo(_ job: SimulatedJob) -> JSON {
        let isEmpty = settings.has(.emptyTexts)
        let times = [("submit_time_ms", job.createdAt), ("execute_time_ms", job.createdAt), ("complete_time_ms", job.doneAt)]
        return .object(
            [("request_info", .string(""))] + times.map { ($0.0, isEmpty ? .string("") : SimulatedTime.milliseconds($0.1)) })
    }

    private func image(_ job: SimulatedJob, _ inline: String?) -> JSON {
        let verdict: JSON = .object([("valid", .bool(true)), ("confidence", .raw("0.97"))])
        let clean: JSON = settings.has(.emptyTexts) ? .object([]) : .null
        return DialectSettings.object([
            ("image_url", .string(inline ?? settings.link(job))), ("image_url_ttl", settings.number(settings.linkSeconds)),
            ("image_type", .string(job.order.format.rawValue)),
            ("nsfw_detection_result", job.isFlagged ? verdict : settings.has(.sparse) ? nil : clean),
        ])
    }

    func callback(_ job: SimulatedJob) -> JSON {
        .object([("event_type", .string("ASYNC_TASK_RESULT")), ("payload", result(job))])
    }

    /// Five repeats; the pauses are not documented.
    var callbackWaitsSeconds: [Double] { [1, 1, 1, 1, 1] }
    var unfitFailure: String? { nil }
    var failure: String { "the task failed" }

    // MARK: account and errors

    /// In ten-thousandths of a dollar.
    private var balance: JSON {
        let pictures = settings.book.balance ?? 1_000_000
        let units = JSON.string("\(settings.price.micro * Int64(pictures) / 100)")
        return .object([
            ("availableBalance", units), ("cashBalance", units), ("creditLimit", .string("0")),
            ("outstandingInvoices", .string("0")),
        ])
    }

    func refused(_ refusal: Refusal) -> Reply {
        let (status, reason) = words(refusal.kind)
        if status == 502 { return .badGateway }
        var headers: [(name: String, value: String)] = []
        if case .busy(let seconds) = refusal.kind { headers = [(name: "retry-after", value: "\(seconds)")] }
        let body = JSON.object([
            ("code", .int(Int64(status))), ("reason", .string(reason)), ("message", .string(refusal.message)),
            ("metadata", .object([])),
        ])
        return .json(body, status: status, headers: headers)
    }

    private func words(_ kind: Refusal.Kind) -> (Int, String) {
        switch kind {
        case .noKey: isNovita ? (400, "MISSING_API_KEY") : (401, "FAILED_TO_AUTH")
        case .wrongKey: (403, "INVALID_API_KEY")
        case .badSize: (400, isNovita ? "INVALID_IMAGE_SIZE" : "INVALID_REQUEST_BODY")
        case .badPicture: (400, isNovita ? "INVALID_IMAGE_FORMAT" : "INVALID_REQUEST_BODY")
        case .unfit: (400, "ILLEGAL_PROMPT")
        case .noCredit: isNovita ? (400, "BILLING_BALANCE_NOT_ENOUGH") : (403, "NOT_ENOUGH_BALANCE")
        case .unknownRoute: (404, isNovita ? "API_NOT_FOUND" : "MODEL_NOT_FOUND")
        case .unknownTask: (404, "TASK_NOT_FOUND")
        case .busy: (429, "RATE_LIMIT_EXCEEDED")
        case .status(401): (401, "FAILED_TO_AUTH")
        case .status(502): (502, "")
        case .status(503): (503, "SERVICE_NOT_AVAILABLE")
        case .status: (500, isNovita ? "CREATE_TASK_FAILED" : "INTERNAL_SERVER_ERROR")
        case .invalid, .unknownModel, .conflict, .malformedTask, .tooLate: (400, "INVALID_REQUEST_BODY")
        }
    }
}
