public import Curl
public import Domain
import Foundation

/// How one attempt to deliver a callback ended.
public enum DeliveryOutcome: Hashable, Sendable {
    /// The customer's server answered 2xx.
    case delivered(status: Int)
    /// It did not; `status` is what it answered, nil when there was no answer. `retryAfterSeconds` is how long it asks
    /// us to wait.
    case failed(status: Int?, reason: DeliveryFailure, retryAfterSeconds: Int? = nil)
}

/// Why an attempt failed: a fixed set of words, fit for the customer's eyes, for metrics and for a column.
public enum DeliveryFailure: String, Hashable, Sendable, CaseIterable {
    /// 3xx: redirects are not followed.
    case redirected
    /// 410: whoever answers so does not want to be called again.
    case gone
    /// Any other status than 2xx.
    case refusedByServer = "refused_by_server"
    /// The host's address is not public, or the port is not 443.
    case addressNotPermitted = "address_not_permitted"
    /// The name has no address, or nobody listens.
    case couldNotConnect = "could_not_connect"
    /// No answer in time.
    case timedOut = "timed_out"
    /// The handshake failed or the certificate is not trusted.
    case tls
    /// The connection broke or the answer was not HTTP.
    case brokenConnection = "broken_connection"
    /// Every node that took it went silent before it could tell how the call ended.
    case lost
}

/// The attempt says nothing about the customer's server and does not count: leave the delivery as it was.
public enum DeliveryNotMade: Error, Hashable {
    /// The task was cancelled or the service is stopping.
    case stopped
    /// This node has too many transfers already.
    case busy
    /// The headers that were given cannot be sent; the detail says which rule they break.
    case badHeaders(detail: String)
}

/// Makes one attempt to deliver one callback.
public struct CallbackSender: Sendable {
    /// The time for the whole attempt.
    public static let timeoutSeconds: Double = 10
    /// How much of the answer's body is read before the connection is closed; all of it is dropped.
    public static let responseBytesMax = 16 * 1024

    private let transfers: Transfers
    private let egress: EgressRule
    private let caFile: String?
    private let watch: (@Sendable (String) -> Void)?

    /// `caFile` is a PEM file of authorities that are trusted besides the system's, or nil. `watch` is told
    /// `before callback` and `after callback` around each call; nil in normal operation.
    public init(
        transfers: Transfers, egress: EgressRule, caFile: String? = nil, watch: (@Sendable (String) -> Void)? = nil
    ) {
        self.transfers = transfers
        self.egress = egress
        self.caFile = caFile
        self.watch = watch
    }

    /// POSTs `body` (JSON) to the URL. `id` becomes the header `webhook-id`: the same for every attempt of one
    /// delivery. The headers that change with the attempt (`webhook-timestamp`, `webhook-signature`) come
    /// from the caller. Success is 2xx and nothing else.
    public func deliver(
        _ body: [UInt8], to url: CallbackURL, id: String, extraHeaders: [(name: String, value: String)] = []
    ) async throws(DeliveryNotMade) -> DeliveryOutcome {
        let rule = egress
        let request = TransferRequest(
            method: "POST",
            url: url.text,
            headers: [("content-type", "application/json"), ("webhook-id", id)] + extraHeaders,
            body: body,
            timeoutSeconds: Self.timeoutSeconds,
            connectTimeoutSeconds: Self.timeoutSeconds,
            responseBytesMax: Self.responseBytesMax,
            overflow: .truncate,
            egress: { rule.permits(numericAddress: $0, port: $1) },
            caFile: caFile)
        watch?("before callback")
        defer { watch?("after callback") }
        do {
            return Self.outcome(try await transfers.perform(request))
        } catch {
            return .failed(status: nil, reason: try failure(error))
        }
    }

    private static func outcome(_ response: TransferResponse) -> DeliveryOutcome {
        let status = response.status
        switch status {
        case 200...299: return .delivered(status: status)
        case 300...399: return .failed(status: status, reason: .redirected)
        case 410: return .failed(status: status, reason: .gone)
        case 429, 503:
            let wait = response.header("retry-after").flatMap { RetryAfter.seconds($0, now: Date()) }
            return .failed(status: status, reason: .refusedByServer, retryAfterSeconds: wait)
        default: return .failed(status: status, reason: .refusedByServer)
        }
    }

    private func failure(_ error: CurlError) throws(DeliveryNotMade) -> DeliveryFailure {
        switch error {
        case .refusedAddress: return .addressNotPermitted
        case .couldNotConnect: return .couldNotConnect
        case .timedOut: return .timedOut
        case .tls: return .tls
        case .tooLarge, .other: return .brokenConnection
        case .busy: throw .busy
        case .cancelled, .stopped: throw .stopped
        case .badRequest(let detail): throw .badHeaders(detail: detail)
        }
    }
}
