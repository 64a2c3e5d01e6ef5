import Domain
import Foundation
import Providers

/// zimageturbo.ai: `{code, message, data}` around everything.
struct ZImageTurbo: Dialect {
    let settings: DialectSettings

    init(_ settings: DialectSettings) { self.settings = settings }

    func purpose(of call: Call) -> Purpose? {
        switch (call.method, call.path) {
        case ("POST", "/api/generate"): .submit
        case ("GET", "/api/status"): .poll(call.query["task_id"])
        default: nil
        }
    }

    func makeID() -> String { "task_\(randomText(16))" }

    func order(_ call: Call) async throws(Refusal) -> (SimulatedOrder, PreparedInputs?) {
        let fields = try Fields(json: call.body)
        let prompt = try fields.prompt(charactersMax: 1000)
        guard let ratio = try fields.string("aspect_ratio"), let size = Ratios.zimageturbo[ratio] else {
            throw Refusal(.badSize, "aspect_ratio must be one of 1:1, 4:3, 3:4, 16:9, 9:16.", param: "aspect_ratio")
        }
        let order = SimulatedOrder(
            prompt: prompt, size: settings.has(.otherSizes) ? Ratios.other(size) : size, sizeText: ratio,
            seed: .random(in: 1...2_147_483_647), format: .jpeg)
        return (order, nil)
    }

    func accepted(_ job: SimulatedJob, isReplay: Bool) -> Reply {
        wrap(.object([("task_id", .string(job.id)), ("status", .string("IN_PROGRESS"))]))
    }

    func status(_ job: SimulatedJob) async -> Reply {
        let state = job.state(at: settings.now)
        let links = state == .completed ? JSON.array([.string(settings.link(job))]) : .array([])
        return wrap(DialectSettings.object([
            ("status", .string(Self.word(state))), ("task_id", .string(job.id)),
            ("request", settings.has(.sparse) ? nil : .object([
                ("prompt", .string(job.order.prompt)), ("size", .string("\(job.order.size.width)*\(job.order.size.height)")),
                ("seed", .string("-1")),
            ])),
            ("response", state != .completed && settings.has(.sparse) ? nil : response(links)),
            ("consumed_credits", settings.number(state == .completed ? credits(job) : 0)),
            ("created_at", .string(SimulatedTime.text(job.createdAt))),
            ("error_message", .optional(state == .failed ? job.failure : nil)),
        ]))
    }

    private func response(_ links: JSON) -> JSON { settings.has(.responseAsString) ? .string(links.text) : links }

    /// 15 at the usual price.
    private func credits(_ job: SimulatedJob) -> Int {
        Int(15 * job.cost.micro / max(1, settings.price.micro))
    }

    static func word(_ state: SimulatedState) -> String {
        switch state {
        case .queued, .processing: "IN_PROGRESS"
        case .completed: "SUCCESS"
        case .failed, .cancelled: "FAILED"
        }
    }

    private func wrap(_ data: JSON) -> Reply {
        .json(.object([("code", settings.number(200)), ("message", .string("success")), ("data", data)]))
    }

    var unfitFailure: String? { "Content flagged as potentially sensitive. Please try different prompts." }
    var failure: String { "The generation failed." }

    func refused(_ refusal: Refusal) -> Reply {
        var headers: [(name: String, value: String)] = []
        let status: Int
        switch refusal.kind {
        case .noKey, .wrongKey, .status(401): status = 401
        case .noCredit: status = 402
        case .unknownRoute, .unknownTask: status = 404
        case .busy(let seconds):
            status = 429
            headers = [(name: "retry-after", value: "\(seconds)")]
        case .status(502): return .badGateway
        case .status(let code): status = code
        case .invalid, .badSize, .badPicture, .unknownModel, .unfit, .conflict, .malformedTask, .tooLate: status = 400
        }
        let body = JSON.object([("code", settings.number(status)), ("message", .string(refusal.message)), ("data", .null)])
        return .json(body, status: settings.has(.errorsAs200) ? 200 : status, headers: headers)
    }
}
