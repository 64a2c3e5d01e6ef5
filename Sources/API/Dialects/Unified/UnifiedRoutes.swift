import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Images
import JobLife
import Keys
import Reports

/// `POST /v1/images/generations` and `GET /v1/tasks/{id}`, also as a long poll and as a stream of events.
struct UnifiedRoutes {
    private static let waitSeconds = 0...60

    let services: APIServices
    let tasks: UnifiedTask

    private var lookup: UnifiedLookup { UnifiedLookup(services: services, tasks: tasks) }

    func add(to router: Router<APIContext>) {
        router.post("/v1/images/generations") { request, _ in try await submit(request) }
        router.get("/v1/tasks/{id}") { request, context in
            try await query(request, id: context.parameters.require("id"), context)
        }
    }

    private func submit(_ request: Request) async throws -> Response {
        let accepted = try await Submit(services: services, dialect: UnifiedDialect.name)(request, takesPictures: true) { body in
            let wire = try UnifiedRequest(body: Data(body.readableBytesView), egress: services.egress)
            var checked = wire.checked
            checked.image.inputs = try await services.inputs.checked(
                image: wire.image, mask: wire.mask, strength: wire.strength)
            return checked
        }
        return .json(tasks.accepted(accepted.task, accepted.request), headers: accepted.headers)
    }

    private func query(_ request: Request, id text: String, _ context: APIContext) async throws -> Response {
        let caller = try await request.caller(services.keys)
        let wait = try request.wholeNumber("wait", Self.waitSeconds, "seconds") ?? 0
        var task = try await lookup.task(text, caller)
        if UnifiedEvents.areWanted(request) {
            return try UnifiedEvents(
                lookup: lookup, request: request, requestID: context.id, wait: await TaskWait(services.watch, context)
            ).response(task)
        }
        if wait > 0, !task.state.isFinal {
            let ended = try await TaskWait(services.watch, context).task(task.id, atMost: .seconds(wait)) { $0.state.isFinal }
            // After the time it is told how far the task is by then.
            if let ended { task = ended } else { task = try await lookup.task(text, caller) }
        }
        return .json(lookup.reply(task))
    }
}

extension Request {
    /// A number in the query part of the address; nil where it is absent.
    func wholeNumber(_ name: String, _ range: ClosedRange<Int>, _ unit: String = "") throws(APIError) -> Int? {
        guard let text = uri.queryParameters[Substring(name)] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            let words = unit.isEmpty ? "" : " \(unit)"
            throw .invalid(name, "\(name) must be \(range.lowerBound) to \(range.upperBound)\(words).")
        }
        return number
    }
}
