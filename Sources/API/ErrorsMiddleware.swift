import HTTPTypes
import Hummingbird
import Logging

/// Gives every request an id, and every failure the shape of its dialect. A failure that nobody foresaw is logged here,
/// once, and answered without its details.
struct ErrorsMiddleware: RouterMiddleware {
    typealias Context = APIContext

    let logger: Logger

    @concurrent
    func handle(
        _ request: Request, context: APIContext, next: @concurrent (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let requestID = context.id
        var response: Response
        do {
            response = try await next(request, context)
        } catch {
            let failure = APIError(error)
            if failure == nil || failure?.cause != nil {
                logger.error(
                    "a request failed",
                    metadata: ["request": "\(requestID)", "path": "\(request.uri.path)", "error": "\(failure?.cause ?? error)"])
            }
            response = Dialects.failure(failure ?? .unforeseen, path: request.uri.path, requestID: requestID)
        }
        response.headers[.requestID] = requestID
        return response
    }
}
