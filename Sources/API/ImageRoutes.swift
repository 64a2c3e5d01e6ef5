import Domain
import HTTPTypes
import Hummingbird
import Images

/// `GET /images/<hour>/<file>?expires=..&signature=..`: pictures by signed link, no key needed.
struct ImageRoutes {
    let services: APIServices

    func add(to router: Router<APIContext>) {
        router.get("/images/{hour}/{file}") { [services] request, context in
            let text = try "\(context.parameters.require("hour"))/\(context.parameters.require("file"))"
            let expires = request.uri.queryParameters["expires"].map(String.init) ?? ""
            let signature = request.uri.queryParameters["signature"].map(String.init) ?? ""
            let forged = APIError(
                kind: .forbidden, message: "This link was not made by this service or was changed.",
                suggestion: "query the task for its links")
            guard let path = ImagePath(text), !path.isInput else { throw forged }
            do throws(SignedLinks.Refusal) {
                try services.links.check(
                    path, expires: expires, signature: signature, nowSeconds: services.nowSeconds())
            } catch {
                switch error {
                case .forged: throw forged
                case .expired: throw Self.gone
                }
            }
            let bytes: [UInt8]
            do throws(ImageStoreError) { bytes = try await services.store.read(path) } catch {
                if error == .notFound { throw Self.gone }
                throw error
            }
            return Response(
                status: .ok,
                headers: [
                    .contentType: path.format.contentType, .cacheControl: "private, max-age=86400, immutable",
                    .noSniff: "nosniff",
                ],
                body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
        }
    }

    private static let gone = APIError(
        kind: .gone, message: "Pictures are kept for 24 hours; this one is gone.", suggestion: "generate it again")
}
