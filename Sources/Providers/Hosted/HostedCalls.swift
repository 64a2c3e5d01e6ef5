import Curl
import Domain
import Foundation
import Vips

/// What all hosted providers do alike: a submit is answered with an id, the id is asked for, and the picture is a link.
struct HostedCalls: Sendable {
    /// What became of a question, which may be asked as often as one likes.
    enum Asked: Sendable {
        case reply(HostedReply)
        /// No answer came; why, and how long to leave the provider alone.
        case silent(String, retryAfterSeconds: Double?)
    }

    /// Questions are short; a submit may be given longer by its settings.
    private static let askSecondsMax = 20.0
    /// Some hosts turn away who gives no name.
    private static let ourName = [(name: "user-agent", value: "zimage")]

    let settings: ProviderSettings
    private let calls: ProviderCalls

    init(_ settings: ProviderSettings, _ access: ProviderAccess) {
        self.settings = settings
        calls = ProviderCalls(settings: settings, access: access)
    }

    /// Sends a job, once.
    /// - Parameter read: what an answer means.
    func submit(
        _ path: String, _ body: JSON, headers: [(name: String, value: String)] = [], _ read: (HostedReply) -> SubmitAnswer
    ) async -> SubmitAnswer {
        let reply = await calls.json(
            .submit, "POST", path, headers: Self.ourName + headers, body: body, timeoutSeconds: settings.timeoutSeconds)
        return switch reply {
        case .answered(let response): read(HostedReply(response, secret: settings.secret))
        case .notSent(let fault): .refused(fault)
        case .lost(let text): .unknown(text)
        }
    }

    /// Asks something.
    func ask(_ purpose: ProviderCalls.Purpose, _ path: String, method: String = "GET") async -> Asked {
        let reply = await calls.json(
            purpose, method, path, headers: Self.ourName, timeoutSeconds: min(Self.askSecondsMax, settings.timeoutSeconds))
        switch reply {
        case .answered(let response): return .reply(HostedReply(response, secret: settings.secret))
        case .lost(let text): return .silent(text, retryAfterSeconds: nil)
        case .notSent(let fault):
            guard case .busy(let seconds) = fault.kind else { return .silent(fault.message, retryAfterSeconds: nil) }
            return .silent(fault.message, retryAfterSeconds: seconds)
        }
    }

    /// Asks how a job stands.
    func poll(_ path: String, _ read: (HostedReply) -> PollAnswer) async -> PollAnswer {
        switch await ask(.poll, path) {
        case .reply(let reply): read(reply)
        case .silent(let text, let seconds): .unanswered(text, retryAfterSeconds: seconds)
        }
    }

    /// Gets a picture, without the key: it lies elsewhere.
    func fetch(_ link: String) async throws(ProviderFault) -> [UInt8] {
        // Anything else would be put after the base address, and asked for with the key.
        guard link.hasPrefix("https://") || link.hasPrefix("http://") else {
            throw ProviderFault(.failed, "the link to its picture is no address")
        }
        let reply = await calls(
            .fetch, "GET", link, headers: Self.ourName, timeoutSeconds: settings.timeoutSeconds, bytesMax: Limits.imageBytesMax)
        switch reply {
        case .notSent(let fault): throw fault
        case .lost(let text): throw ProviderFault(.failed, "its picture did not arrive: \(text)")
        case .answered(let response): return try Self.picture(response)
        }
    }

    private static func picture(_ response: TransferResponse) throws(ProviderFault) -> [UInt8] {
        switch response.status {
        case 200: break
        case 403, 404, 410: throw ProviderFault(.failed, "the link to its picture has expired (status \(response.status))")
        default: throw ProviderFault(.failed, "its picture was answered with status \(response.status)")
        }
        // Stores answer a missing picture with a page and status 200.
        guard PictureFormat(signatureOf: response.body) != nil else {
            throw ProviderFault(.failed, "the link to its picture leads to something else (\(response.body.count) bytes)")
        }
        return response.body
    }

    /// Text for a part of a path or for a value behind `?`.
    static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
    }

    private static let plain = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

    /// A prepared picture as the hosts take it: they have no address of ours to get it from.
    static func dataURI(_ png: [UInt8]) -> JSON { .string("data:image/png;base64,\(Data(png).base64EncodedString())") }
}
