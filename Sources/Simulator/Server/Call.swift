import Domain

/// One request of a caller.
struct Call: Sendable {
    let method: String
    /// Without the query.
    let path: String
    let query: [String: String]
    /// Names in lower case.
    let headers: [String: String]
    let body: [UInt8]

    /// The path's parts: `/v1/tasks/7` has three.
    var parts: [Substring] { path.split(separator: "/") }

    /// What follows `Bearer`; nil without it.
    var bearer: String? {
        guard let text = headers["authorization"], text.lowercased().hasPrefix("bearer ") else { return nil }
        return String(text.dropFirst("bearer ".count))
    }
}

/// What a caller wants, as its dialect reads the method and path.
enum Purpose: Sendable {
    case submit
    /// Of the job with that id; nil where the request does not name one.
    case poll(String?)
    case cancel(String)
    /// Something about the account that needs its key.
    case account(Reply)
    /// Something that needs no key.
    case open(Reply)
}

/// Why a request is refused; each dialect has its own words and status for it.
struct Refusal: Error, Sendable {
    enum Kind: Sendable {
        case noKey, wrongKey, invalid, badSize, badPicture, unknownModel, unfit
        case noCredit, conflict
        case unknownRoute, unknownTask, malformedTask, tooLate
        case busy(retryAfterSeconds: Int)
        /// 401, 500, 502 or 503 for no reason of the caller's.
        case status(Int)
    }

    let kind: Kind
    let message: String
    let param: String?

    init(_ kind: Kind, _ message: String, param: String? = nil) {
        (self.kind, self.message, self.param) = (kind, message, param)
    }

    static let noKey = Refusal(.noKey, "Missing API key.")
    static let wrongKey = Refusal(.wrongKey, "invalid api-key")
    static let noCredit = Refusal(.noCredit, "The balance is not enough.")
    static let unknownRoute = Refusal(.unknownRoute, "There is no such API.")
    static let unknownTask = Refusal(.unknownTask, "Task not found.", param: "task_id")
}

/// An answer in HTTP.
struct Reply: Sendable {
    enum Body: Sendable {
        case bytes([UInt8])
        /// The first bytes of something longer; then the connection is closed.
        case cut([UInt8], of: Int)
        /// Server-sent events, the first one numbered 0; nil is the end.
        case events(@Sendable (_ number: Int) async -> JSON?)
        /// An answer that takes its time; if the caller hangs up meanwhile, nobody wants it any more.
        case later(@Sendable () async -> Reply)
    }

    var status = 200
    var headers: [(name: String, value: String)] = []
    var contentType = "application/json"
    var body: Body

    /// The id of the job whose picture it holds; empty where it holds none.
    var requestID: String { headers.first { $0.name == "x-request-id" }?.value ?? "" }

    static func json(_ json: JSON, status: Int = 200, headers: [(name: String, value: String)] = []) -> Reply {
        Reply(status: status, headers: headers, body: .bytes(json.bytes))
    }

    static func text(_ text: String, _ contentType: String, status: Int = 200) -> Reply {
        Reply(status: status, contentType: contentType, body: .bytes(Array(text.utf8)))
    }

    /// What a proxy says whose server has gone.
    static let badGateway = text("<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html", status: 502)
}

/// What becomes of a request.
enum Answer: Sendable {
    case reply(Reply)
    /// After so many seconds.
    case late(Reply, seconds: Double)
    /// Never.
    case silence
    /// The connection is closed instead.
    case close
}
