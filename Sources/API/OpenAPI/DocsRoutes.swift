import Domain
import HTTPTypes
import Hummingbird
import Synchronization

/// `GET /openapi.json`, the description of this API for programs, and `GET /docs`, the same for people. Both need no key.
struct DocsRoutes {
    /// For how long either may be kept: an update of the service is seen soon.
    private static let cacheControl = "public, max-age=300"

    let services: APIServices

    func add(to router: Router<APIContext>) {
        let documentation = Documentation(publicURL: services.publicURL)
        router.get("/openapi.json") { _, _ in
            Self.response(try documentation.made().document, type: "application/json")
        }
        router.get("/docs") { _, _ in
            let made = try documentation.made()
            var response = Self.response(made.page, type: "text/html; charset=utf-8")
            response.headers[.contentSecurityPolicy] = made.policy
            response.headers[.referrerPolicy] = "no-referrer"
            return response
        }
    }

    private static func response(_ text: String, type: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: type, .cacheControl: cacheControl, .noSniff: "nosniff"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}

/// Makes what both routes serve when it is first asked for, and keeps it.
private final class Documentation: Sendable {
    struct Made {
        let document: String
        let page: String
        /// The page's Content-Security-Policy.
        let policy: String
    }

    private let publicURL: String
    private let kept = Mutex<Made?>(nil)

    init(publicURL: String) { self.publicURL = publicURL }

    func made() throws -> Made {
        try kept.withLock { kept in
            if let kept { return kept }
            let document = try OpenAPIDocument(publicURL: publicURL)
            let page = try DocsPage()
            let made = Made(document: document.text, page: page.render(document), policy: page.policy)
            kept = made
            return made
        }
    }
}

extension HTTPField.Name {
    static let referrerPolicy = named("Referrer-Policy")
}
