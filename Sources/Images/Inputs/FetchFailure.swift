import Curl
import Domain

/// Why one try at a customer's picture failed.
enum FetchFailure: Error, Equatable {
    case status(Int), addressNotPermitted, couldNotConnect, timedOut, tls, tooLarge, broken
    /// The attempt was given up or the service stops: nothing is said about the picture.
    case stopped

    init(_ error: CurlError) {
        self =
            switch error {
            case .refusedAddress: .addressNotPermitted
            case .couldNotConnect: .couldNotConnect
            case .timedOut: .timedOut
            case .tls: .tls
            case .tooLarge: .tooLarge
            // A node with too many transfers has room again in a moment.
            case .busy, .other, .badRequest: .broken
            case .cancelled, .stopped: .stopped
            }
    }

    /// Whether the same request may do better in a moment.
    var isPassing: Bool {
        switch self {
        case .couldNotConnect, .timedOut, .broken: true
        case .status(let status): status >= 500 || status == 408 || status == 425 || status == 429
        case .addressNotPermitted, .tls, .tooLarge, .stopped: false
        }
    }

    /// What the customer is told; no word of addresses inside the network.
    func error(_ field: InputField) -> InputError {
        switch self {
        case .tooLarge: InputFile.tooManyBytes(field)
        case .status(let status) where (300...399).contains(status):
            InputError(.unreachable, field, "Its server answers with a redirect (\(status)), which is not followed. Give the final URL.")
        case .status(let status):
            InputError(.unreachable, field, "Its server answers \(status) instead of 200. Give a URL that opens without a login.")
        case .addressNotPermitted: InputError(.unreachable, field, CustomerURLError.addressNotPermitted.description)
        case .couldNotConnect: InputError(.unreachable, field, "Its server cannot be reached. Check the host name.")
        case .timedOut: InputError(.unreachable, field, "It did not arrive in time. Use a faster server or a smaller file.")
        case .tls: InputError(.unreachable, field, "Its server's certificate is not trusted. Use a valid certificate.")
        case .broken, .stopped: InputError(.unreachable, field, "The connection to its server broke. Try again later.")
        }
    }
}
