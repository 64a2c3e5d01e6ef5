import Admission
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Images
import Reports

/// `POST /openai/v1/images/generations` and `POST /openai/v1/images/edits`: requests that wait for their picture, or get it
/// as the last event of a stream.
///
/// A caller who hangs up stops the wait and not the task: it goes on and is charged when it succeeds, and whoever repeats the request
/// with the same `Idempotency-Key` gets its picture.
struct OpenAIImages {
    let services: APIServices
    let tasks: UnifiedTask
    let links: SignedLinks

    func add(to router: Router<APIContext>) {
        router.post("/openai/v1/images/generations") { request, context in
            try await answer(request, context, .generation) { body in
                let asked = try OpenAIRequest(Fields.decode(OpenAIFields.self, from: Data(body.readableBytesView)))
                return (asked, asked.checked(size: asked.size ?? .standard))
            }
        }
        router.post("/openai/v1/images/edits") { request, context in
            try await answer(request, context, .edit) { body in
                let edit = try OpenAIEdit.read(Array(body.readableBytesView), contentType: request.headers[.contentType])
                return try await checked(edit)
            }
        }
    }

    /// The pictures come last: they cost the most to look at.
    private func checked(_ edit: OpenAIEdit) async throws -> (OpenAIRequest, CheckedRequest) {
        let asked = try OpenAIRequest(edit.fields)
        do {
            let (inputs, imageSize) = try await services.inputs.checked(
                image: edit.image, transparencyMask: edit.mask, strength: edit.fields.strength)
            let size = asked.size ?? imageSize.map { AspectRatio.nearest(to: $0).size } ?? .standard
            return (asked, asked.checked(size: size, inputs: inputs, also: edit.canonical))
        } catch let error as InputError { throw APIError(input: error, names: [.image: "image"]) }
    }

    private func answer(
        _ request: Request, _ context: APIContext, _ route: OpenAIResult.Route,
        read: (ByteBuffer) async throws -> (OpenAIRequest, CheckedRequest)
    ) async throws -> Response {
        var asked: OpenAIRequest?
        let accepted: Submit.Accepted
        do {
            accepted = try await Submit(services: services, dialect: OpenAIDialect.name)(
                request, takesPictures: route == .edit
            ) { body in
                let (wish, checked) = try await read(body)
                asked = wish
                return checked
            }
        } catch { throw try await failure(ofSubmit: error, request, model: asked?.model) }
        guard let asked else { preconditionFailure("a request that was accepted has been read") }
        let wait = OpenAIWait(
            services: services, wait: await TaskWait(services.watch, context), id: accepted.task.id,
            idText: tasks.idText(accepted.task.id, accepted.task.createdAt))
        var headers = accepted.headers
        headers[.taskID] = wait.idText
        if asked.fields.stream { return stream(wait, asked, route, headers) }
        do {
            let result = try OpenAIResult(await wait.end(), quality: asked.fields.quality)
            let reply = asked.fields.isLinkWanted ? result.reply(links) : try await result.reply(services.store)
            return .json(reply, headers: headers)
        } catch { throw wait.failure(error, headers: headers) }
    }

    /// Until the end of the task only comments are sent, which keep proxies from hanging up.
    private func stream(
        _ wait: OpenAIWait, _ asked: OpenAIRequest, _ route: OpenAIResult.Route, _ headers: HTTPFields
    ) -> Response {
        var headers = headers
        headers[.contentType] = "text/event-stream"
        headers[.cacheControl] = "no-store"
        let body = ResponseBody { writer in
            let deadline = wait.deadline
            var event = await self.event(wait, until: deadline, asked, route)
            while event == nil {
                // Throws when the caller has hung up.
                try await writer.write(ByteBuffer(string: ": waiting\n\n"))
                event = await self.event(wait, until: deadline, asked, route)
            }
            try await writer.write(ByteBuffer(bytes: event ?? []))
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    /// The event that ends a stream, as it is sent; nil while there is none.
    private func event(
        _ wait: OpenAIWait, until deadline: ContinuousClock.Instant, _ asked: OpenAIRequest, _ route: OpenAIResult.Route
    ) async -> [UInt8]? {
        let name: String
        let data: JSON
        do {
            guard let task = try await wait.look(until: deadline) else { return nil }
            let result = try OpenAIResult(task, quality: asked.fields.quality)
            data = try await result.completed(route, services.store)
            name = "\(route.rawValue).completed"
        } catch {
            name = "error"
            data = OpenAIErrors.json(wait.failure(error))
        }
        return Array("event: \(name)\ndata: ".utf8) + data.bytes + [10, 10]
    }

    /// What became of a request that made no task, as far as anybody knows.
    private func failure(ofSubmit error: any Error, _ request: Request, model: String?) async throws -> any Error {
        guard var failure = APIError(error) else { return error }
        // With a key the same request again is the way to learn what became of it.
        if failure.code == "paid_outcome_unknown", try request.idempotencyKey() != nil { failure.headers[.shouldRetry] = "true" }
        if failure.kind == .notFound, failure.param == "model", let model {
            return try await OpenAIModels(services: services).unknown(model, request)
        }
        return failure
    }
}
