/// Why there is no response. `detail` is for logs: at most 256 characters, and it may name addresses inside
/// the network, so it is not for customers; `label` is one of a fixed set and fit for metrics.
public enum CurlError: Error, Equatable, CustomStringConvertible {
    /// The egress rule refused every address that the host has. Nothing was sent.
    case refusedAddress(detail: String)
    /// The name has no address, or no address takes connections. Nothing was sent.
    case couldNotConnect(detail: String)
    /// Out of time.
    case timedOut(isRequestPossiblySent: Bool)
    /// The response is larger than the request allows.
    case tooLarge(bytesMax: Int)
    /// The TLS handshake failed or the certificate is not trusted. Nothing was sent.
    case tls(detail: String)
    /// As many transfers as allowed are running and waiting. Nothing was sent; try again later.
    case busy
    /// The calling task was cancelled.
    case cancelled(isRequestPossiblySent: Bool)
    /// `Transfers.shutdown()` was called.
    case stopped(isRequestPossiblySent: Bool)
    /// The request itself is malformed. Nothing was sent.
    case badRequest(detail: String)
    /// Anything else, such as a connection that broke.
    case other(isRequestPossiblySent: Bool, detail: String)

    /// One of ten fixed words.
    public var label: String {
        switch self {
        case .refusedAddress: "refused_address"
        case .couldNotConnect: "could_not_connect"
        case .timedOut: "timed_out"
        case .tooLarge: "too_large"
        case .tls: "tls"
        case .busy: "busy"
        case .cancelled: "cancelled"
        case .stopped: "stopped"
        case .badRequest: "bad_request"
        case .other: "other"
        }
    }

    /// False only when it is certain that the other side has seen no byte of the request, so that the same
    /// request may be made elsewhere without being made twice.
    public var isRequestPossiblySent: Bool {
        switch self {
        case .refusedAddress, .couldNotConnect, .tls, .busy, .badRequest: false
        case .timedOut(let sent), .cancelled(let sent), .stopped(let sent), .other(let sent, _): sent
        case .tooLarge: true
        }
    }

    /// The label with what is known about it and what to do.
    public var description: String {
        switch self {
        case .refusedAddress(let detail):
            "\(label): \(detail). Use a public address on port 80 or 443, or have the operator allow this one"
        case .couldNotConnect(let detail): "\(label): \(detail). Check the host name, port and network"
        case .timedOut(isRequestPossiblySent: true):
            "\(label): the answer did not come in time; the request may have been sent. See whether the host is overloaded"
        case .timedOut(isRequestPossiblySent: false):
            "\(label): no connection in time; nothing was sent. Check the host name, port, network and firewalls"
        case .tooLarge(let bytesMax): "\(label): the response is over \(bytesMax) bytes or has too many headers"
        case .tls(let detail): "\(label): \(detail). Check the certificate, or name its authority in the CA file"
        case .busy: "\(label): too many transfers wait already. Try again later"
        case .cancelled(let sent), .stopped(let sent):
            "\(label): \(sent ? "the request may have been sent" : "nothing was sent")"
        case .badRequest(let detail): "\(label): \(detail). Correct the request"
        case .other(let sent, let detail):
            "\(label): \(detail); \(sent ? "the request may have been sent" : "nothing was sent")"
        }
    }
}
