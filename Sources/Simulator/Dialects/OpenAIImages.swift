import Domain
import Foundation
import Providers

/// The OpenAI Images API as engines serve it, and that of AUTOMATIC1111 beside it as sd-server does: the answer holds the picture.
struct OpenAIImages: Dialect {
    static let model = "z-image-turbo"
    private static let steps = 8

    let settings: DialectSettings

    init(_ settings: DialectSettings) { self.settings = settings }

    func purpose(of call: Call) -> Purpose? {
        switch (call.method, call.path) {
        case ("POST", "/v1/images/generations"), ("POST", "/v1/images/edits"), ("POST", Self.txt2img), ("POST", Self.img2img): .submit
        case ("GET", "/sdapi/v1/options"): .account(.json(options))
        case ("GET", "/v1/models"): .account(.json(models))
        case ("GET", "/health"): .open(.json(.object([("status", .string("ok"))])))
        default: nil
        }
    }

    func makeID() -> String { "req_\(randomText(24))" }

    private var models: JSON {
        .object([("object", .string("list")), ("data", .array([.object([
            ("id", .string(Self.model)), ("object", .string("model")), ("created", .int(1_757_165_031)),
            ("owned_by", .string("simulator")),
        ])]))])
    }

    // MARK: submit

    func order(_ call: Call) async throws(Refusal) -> (SimulatedOrder, PreparedInputs?) {
        if [Self.txt2img, Self.img2img].contains(call.path) { return try sdapiOrder(call) }
        let isEdit = call.path == "/v1/images/edits"
        let form = try OpenAIForm(call, isEdit: isEdit)
        let fields = form.fields
        let prompt = try fields.prompt(charactersMax: 32_000)
        let sizeText = try fields.string("size")
        let seed = try fields.int("seed", in: 0...4_294_967_295)
        _ = try fields.int("num_inference_steps", in: 1...200)
        _ = try fields.number("guidance_scale", in: 0...20)
        guard try fields.int("n", in: 1...10) ?? 1 == 1 else { throw Refusal(.invalid, "n must be 1.", param: "n") }
        guard try fields.string("response_format") ?? "b64_json" == "b64_json" else {
            throw Refusal(.invalid, "response_format must be b64_json.", param: "response_format")
        }
        let formatText = try fields.string("output_format") ?? "png"
        guard let format = ImageFormat(rawValue: formatText) else {
            throw Refusal(.invalid, "output_format must be png, jpeg or webp.", param: "output_format")
        }
        var order = SimulatedOrder(
            prompt: prompt, model: try fields.string("model") ?? Self.model, size: try Self.size(sizeText ?? "1024x1024"),
            sizeText: sizeText, seed: seed ?? .random(in: 1...2_147_483_647), format: format)
        order.hasSeed = seed != nil
        order.isInline = true
        order.isStreamed = try fields.bool("stream") ?? false
        let strength = try fields.number("strength", in: 0...1)
        guard isEdit, let image = form.image else { return (order, nil) }
        order.operation = form.mask == nil ? .edit : .inpaint
        return (order, try Pictures.prepare(
            image: image, mask: form.mask, strength: strength ?? ImageInputs.standardStrength(hasMask: form.mask != nil),
            size: order.size, byColour: settings.has(.maskByColour)))
    }

    static func size(_ text: String) throws(Refusal) -> ImageSize {
        let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard sides.count == 2, let width = sides[0], let height = sides[1], (256...1536).contains(width),
            (256...1536).contains(height), width % 16 == 0, height % 16 == 0
        else {
            throw Refusal(.badSize, "size must be WxH, each from 256 to 1536 and divisible by 16.", param: "size")
        }
        return ImageSize(width: width, height: height)
    }

    // MARK: the picture

    func accepted(_ job: SimulatedJob, isReplay: Bool) -> Reply {
        let id = job.id
        let headers = [(name: "x-request-id", value: id)]
        if job.order.isStreamed { return stream(job, headers) }
        return Reply(headers: headers, body: .later {
            await settings.book.ended(id)
            do throws(Refusal) { return .json(.object(try await made(id)), headers: headers) } catch { return refused(error) }
        })
    }

    private func made(_ id: String) async throws(Refusal) -> [(String, JSON)] {
        let (job, base64) = try await picture(id)
        if job.order.isSDAPI { return [("images", .array([.string(base64)])), ("parameters", .object([])), ("info", .string("{}"))] }
        return [
            ("created", SimulatedTime.seconds(job.createdAt)),
            ("data", .array([.object([("b64_json", .string(base64))])])),
            ("output_format", .string(job.order.format.rawValue)),
            ("size", .string("\(job.order.size.width)x\(job.order.size.height)")), ("seconds", seconds(job)),
        ]
    }

    private func picture(_ id: String) async throws(Refusal) -> (SimulatedJob, String) {
        guard let job = settings.book.job(id) else { throw .unknownTask }
        if let failure = job.failure { throw Refusal(failure == unfitFailure ? .unfit : .status(500), failure) }
        guard let bytes = await settings.pictures.picture(of: job) else {
            throw Refusal(.status(500), "The picture cannot be drawn.")
        }
        return (job, Data(bytes).base64EncodedString())
    }

    private func seconds(_ job: SimulatedJob) -> JSON {
        let seconds = job.doneAt.timeIntervalSince(job.createdAt)
        return .raw("\((seconds * 1000).rounded() / 1000)")
    }

    /// One event a step, then the picture or the error.
    private func stream(_ job: SimulatedJob, _ headers: [(name: String, value: String)]) -> Reply {
        let id = job.id
        let pause = job.doneAt.timeIntervalSince(job.createdAt) / Double(Self.steps)
        return Reply(headers: headers, contentType: "text/event-stream", body: .events { number in
            guard number < Self.steps else { return number == Self.steps ? await lastEvent(id) : nil }
            await untilEnd(of: id, atMost: pause)
            return .object([
                ("type", .string("image_generation.progress")), ("step", .int(Int64(number + 1))),
                ("steps", .int(Int64(Self.steps))),
            ])
        })
    }

    private func lastEvent(_ id: String) async -> JSON {
        await settings.book.ended(id)
        do throws(Refusal) {
            let (job, base64) = try await picture(id)
            return .object([
                ("type", .string("image_generation.completed")), ("b64_json", .string(base64)), ("seconds", seconds(job)),
            ])
        } catch { return .object([("error", errorBody(error))]) }
    }

    private func untilEnd(of id: String, atMost seconds: Double) async {
        guard let job = settings.book.job(id), !job.state(at: settings.now).isEnd else { return }
        await withTaskGroup { group in
            group.addTask { try? await Task.sleep(for: .seconds(min(seconds, 3600))) }
            group.addTask { await settings.book.ended(id) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Nothing to ask for: there is no route that gets here.
    func status(_ job: SimulatedJob) async -> Reply { refused(.unknownRoute) }

    var unfitFailure: String? { "Your request was rejected by the safety system." }
    var failure: String { "The engine failed to make the picture." }

    // MARK: errors

    func refused(_ refusal: Refusal) -> Reply {
        let status = words(refusal).status
        if status == 502 { return .badGateway }
        var headers: [(name: String, value: String)] = []
        if case .busy(let seconds) = refusal.kind { headers = [(name: "retry-after", value: "\(seconds)")] }
        let body: JSON =
            if settings.has(.detailErrors) {
                .object([("detail", .string(refusal.message))])
            } else if settings.has(.textErrors) {
                .object([("error", .string(refusal.message))])
            } else { .object([("error", errorBody(refusal))]) }
        return .json(body, status: status, headers: headers)
    }

    private func errorBody(_ refusal: Refusal) -> JSON {
        let (_, type, code) = words(refusal)
        return .object([
            ("message", .string(refusal.message)), ("type", .string(type)), ("param", .optional(refusal.param)),
            ("code", .optional(code)),
        ])
    }

    private func words(_ refusal: Refusal) -> (status: Int, type: String, code: String?) {
        switch refusal.kind {
        case .noKey, .wrongKey, .status(401): (401, "invalid_request_error", "invalid_api_key")
        // OpenAI has no 402.
        case .noCredit: (429, "insufficient_quota", "insufficient_quota")
        case .unfit: (400, "image_generation_user_error", "moderation_blocked")
        case .busy: (429, "requests", "rate_limit_exceeded")
        case .unknownRoute, .unknownTask: (404, "invalid_request_error", nil)
        case .unknownModel: (404, "invalid_request_error", "model_not_found")
        case .status(let code): (code, "server_error", nil)
        case .invalid, .badSize, .badPicture, .conflict, .malformedTask, .tooLate: (400, "invalid_request_error", nil)
        }
    }
}
