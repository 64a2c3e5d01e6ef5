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
            let deadline = wait.deadline
            let result = try OpenAIResult(await wait.end(until: deadline), quality: asked.fields.quality)
            if asked.fields.isLinkWanted { return .json(result.reply(links), headers: headers) }
            let room = try await wait.room(result.inlineBytes, until: deadline)
            return .json(try await result.reply(services.store), headers: headers, holding: room)
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
            var end = await self.end(wait, until: deadline, asked)
            while end == nil {
                // Throws when the caller has hung up.
                try await writer.write(ByteBuffer(string: ": waiting\n\n"))
                end = await self.end(wait, until: deadline, asked)
            }
            // One after the other, so that one picture is in memory at a time.
            for index in 0..<((try? end?.get().eventCount) ?? 1) {
                guard let end else { break }
                let event = await self.event(index, end, wait, route)
                try await writer.write(event.bytes)
                if event.isError { break }
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    /// How a wait ended; nil while it has not.
    private func end(
        _ wait: OpenAIWait, until deadline: ContinuousClock.Instant, _ asked: OpenAIRequest
    ) async -> Result<OpenAIResult, any Error>? {
        do {
            guard let task = try await wait.look(until: deadline) else { return nil }
            return .success(try OpenAIResult(task, quality: asked.fields.quality))
        } catch { return .failure(error) }
    }

    /// An event after the end of a wait, as it is sent: one for each picture, or one error, after which there is nothing.
    private func event(
        _ index: Int, _ end: Result<OpenAIResult, any Error>, _ wait: OpenAIWait, _ route: OpenAIResult.Route
    ) async -> (bytes: ByteBuffer, isError: Bool) {
        do {
            let data = try await end.get().completed(index, route, services.store)
            return (Self.event("\(route.rawValue).completed", data), false)
        } catch { return (Self.event("error", OpenAIErrors.json(wait.failure(error))), true) }
    }

    private static func event(_ name: String, _ data: JSON) -> ByteBuffer {
        ByteBuffer(bytes: Array("event: \(name)\ndata: ".utf8) + data.bytes + [10, 10])
    }

    /// What became of a request that made no task, as far as anybody knows.
    private func failure(ofSubmit error: any Error, _ request: Request, model: String?) async throws -> any Error {
        guard var failure = APIError(error) else { return error }
        // With a key the same request again is the way to learn what became of it.
        if failure.code == APIError.outcomeUnknown, try request.idempotencyKey() != nil { failure.headers[.shouldRetry] = "true" }
        if failure.kind == .notFound, failure.param == "model", let model {
            return try await OpenAIModels(services: services).unknown(model, request)
        }
        return failure
    }
}
