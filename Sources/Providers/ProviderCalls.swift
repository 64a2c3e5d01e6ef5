import Curl
import Domain
import Foundation

/// HTTP calls to one provider. They tell apart what no kind of provider may mix up: a request that was answered, one that
/// never left, and one that may have arrived.
struct ProviderCalls: Sendable {
    /// What became of a call.
    enum Reply: Sendable {
        case answered(TransferResponse)
        /// Nothing arrived there.
        case notSent(ProviderFault)
        /// It may have arrived.
        case lost(String)
    }

    /// What a call is for; a crash point is named after it.
    enum Purpose: String {
        case submit, poll, cancel, fetch, test
    }

    static let answerBytesMax = 1024 * 1024
    /// An answer that holds a picture of ``Limits/imageBytesMax`` as base64.
    static let pictureAnswerBytesMax = Limits.imageBytesMax / 3 * 4 + answerBytesMax

    let settings: ProviderSettings
    let access: ProviderAccess

    /// - Parameters:
    ///   - path: is put after the base address; an absolute address (of a picture) is taken as it is, and then the key is
    ///     not sent.
    ///   - bytesMax: a longer answer is as good as none.
    ///   - onBody: told the answer's body while it arrives.
    func callAsFunction(
        _ purpose: Purpose, _ method: String, _ path: String, headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil, timeoutSeconds: Double, bytesMax: Int = answerBytesMax,
        onBody: TransferRequest.BodyWatch? = nil
    ) async -> Reply {
        let isElsewhere = path.contains("://")
        var all = headers
        if !isElsewhere, let secret = settings.secret { all.append((name: "authorization", value: "Bearer \(secret)")) }
        let rule = access.egress
        let judge: TransferRequest.Egress = { rule.permits(numericAddress: $0, port: $1) }
        let request = TransferRequest(
            method: method, url: isElsewhere ? path : settings.baseURL + path, headers: all, body: body,
            timeoutSeconds: timeoutSeconds, connectTimeoutSeconds: min(10, timeoutSeconds), responseBytesMax: bytesMax,
            egress: settings.allowsPrivate ? nil : judge, caFile: access.caFile, onBody: onBody)
        access.watch?("before provider_\(purpose.rawValue)")
        defer { access.watch?("after provider_\(purpose.rawValue)") }
        do throws(CurlError) { return .answered(try await access.transfers.perform(request)) } catch { return Self.reply(error) }
    }

    /// The same with a JSON body.
    func json(
        _ purpose: Purpose, _ method: String, _ path: String, headers: [(name: String, value: String)] = [],
        body: JSON? = nil, timeoutSeconds: Double, bytesMax: Int = answerBytesMax
    ) async -> Reply {
        var all = headers + [(name: "accept", value: "application/json")]
        if body != nil { all.append((name: "content-type", value: "application/json")) }
        return await self(
            purpose, method, path, headers: all, body: body?.bytes, timeoutSeconds: timeoutSeconds, bytesMax: bytesMax)
    }

    private static func reply(_ error: CurlError) -> Reply {
        switch error {
        case .refusedAddress:
            .notSent(ProviderFault(
                .settings, "its address is private: allow it with `zadmin provider update --allow-private`, or correct the base URL"))
        case .couldNotConnect: .notSent(ProviderFault(.away, "it cannot be reached: \(error)"))
        case .tls: .notSent(ProviderFault(.settings, "no trusted TLS connection: \(error) (ZIMAGE_EGRESS_CA)"))
        case .badRequest: .notSent(ProviderFault(.settings, "it cannot be called: \(error)"))
        case .busy: .notSent(ProviderFault(.busy(retryAfterSeconds: 1), "too many calls are under way here"))
        case .timedOut(let isSent), .cancelled(let isSent), .stopped(let isSent), .other(let isSent, _):
            isSent ? .lost("\(error)") : .notSent(ProviderFault(.away, "it cannot be reached: \(error)"))
        // The answer was under way, so the request had arrived.
        case .tooLarge(let bytesMax): .lost("its answer is larger than \(bytesMax) bytes")
        }
    }
}
