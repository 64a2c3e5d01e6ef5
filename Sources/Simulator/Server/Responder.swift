import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import Providers

/// What travels with one request: its connection, so that it can be closed.
struct SimulatorContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

/// Turns HTTP requests into calls, and answers into responses or into what a broken provider does.
struct Responder: HTTPResponder {
    typealias Context = SimulatorContext
    /// Of dialects with pictures in their requests, and of the others.
    private static let bodyBytesMax = (withPictures: 40 * 1024 * 1024, without: 1024 * 1024)

    /// The connection is closed in place of an answer.
    private struct Closed: Error {}

    let desk: Desk

    func respond(to request: Request, context: SimulatorContext) async throws -> Response {
        // A caller that closes its end has hung up; otherwise the connection would stay half open and nobody would notice.
        try? await context.channel.setOption(.allowRemoteHalfClosure, value: false).get()
        let body: ByteBuffer
        do { body = try await request.body.collect(upTo: bodyBytesMax) } catch is NIOTooManyBytesError {
            return Response(status: .contentTooLarge)
        }
        let call = Self.call(request, body)
        switch await answer(call) {
        case .reply(let reply): return try await response(reply, context)
        case .late(let reply, let seconds):
            try await Task.sleep(for: .seconds(seconds))
            return try await response(reply, context)
        case .silence:
            // Until the caller or the simulator gives up.
            await Self.whileConnected(context) { try? await Task.sleep(for: .seconds(86_400)) }
            throw await closed(context)
        case .close: throw await closed(context)
        }
    }

    private var bodyBytesMax: Int {
        switch desk.settings.kind {
        case .highway, .openaiImages: Self.bodyBytesMax.withPictures
        case .novita, .unified, .zimageturbo: Self.bodyBytesMax.without
        }
    }

    private func answer(_ call: Call) async -> Answer {
        if call.path == Control.root || call.path.hasPrefix(Control.root + "/") { return Control(desk: desk).answer(call) }
        if call.path.hasPrefix("/files/") { return await Files(desk: desk).answer(call) }
        return await desk.answer(call)
    }

    /// Works until it is done; the caller's hanging up, or the simulator's stop, cancels the work.
    /// - Returns: nil when it was cancelled.
    @discardableResult
    private static func whileConnected<Value: Sendable>(
        _ context: SimulatorContext, _ work: @escaping @Sendable () async -> Value
    ) async -> Value? {
        let task = Task { await work() }
        context.channel.closeFuture.whenComplete { _ in task.cancel() }
        let value = await withTaskCancellationHandler { await task.value } onCancel: { task.cancel() }
        return task.isCancelled ? nil : value
    }

    /// A response that is never read: what is written to a closed connection ends it here.
    private func closed(_ context: SimulatorContext) async -> Closed {
        try? await context.channel.close()
        return Closed()
    }

    private static func call(_ request: Request, _ body: ByteBuffer) -> Call {
        var query: [String: String] = [:]
        for (name, value) in request.uri.queryParameters { query[String(name)] = String(value) }
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        return Call(
            method: request.method.rawValue, path: request.uri.path, query: query, headers: headers,
            body: Array(body.readableBytesView))
    }

    // MARK: responses

    private func response(_ reply: Reply, _ context: SimulatorContext) async throws -> Response {
        switch reply.body {
        case .bytes(let bytes): return Self.response(reply, ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        case .cut(let bytes, let length):
            return Self.response(reply, ResponseBody(contentLength: length) { writer in
                try await writer.write(ByteBuffer(bytes: bytes))
                throw Closed()
            })
        case .events(let event): return Self.response(reply, events(event, reply.requestID, context))
        case .later(let make):
            let made = await Self.whileConnected(context, make)
            guard let made, case .bytes(let bytes) = made.body else {
                desk.hangUp(reply.requestID)
                throw await closed(context)
            }
            return Self.response(made, ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        }
    }

    private func events(
        _ event: @escaping @Sendable (Int) async -> JSON?, _ id: String, _ context: SimulatorContext
    ) -> ResponseBody {
        ResponseBody { writer in
            do {
                for number in 0... {
                    guard let next = await Self.whileConnected(context, { await event(number) }) else { throw Closed() }
                    guard let json = next else { break }
                    try await writer.write(ByteBuffer(bytes: Array("data: ".utf8) + json.bytes + [10, 10]))
                }
            } catch {
                desk.hangUp(id)
                throw error
            }
            try await writer.finish(nil)
        }
    }

    private static func response(_ reply: Reply, _ body: ResponseBody) -> Response {
        var fields: HTTPFields = [.contentType: reply.contentType]
        for (name, value) in reply.headers { if let name = HTTPField.Name(name) { fields[name] = value } }
        return Response(status: .init(code: reply.status), headers: fields, body: body)
    }
}
