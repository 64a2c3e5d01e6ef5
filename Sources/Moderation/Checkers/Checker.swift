import Crypto
public import Curl
public import Domain
import Synchronization

/// Where a checker is and how it is asked.
public struct CheckerSettings: Sendable {
    /// What it speaks.
    public var shape: CheckerShape
    /// The whole address, such as `https://api.openai.com/v1/moderations`.
    public var url: String
    /// Its key, sent as a bearer token.
    public var key: String?
    /// The model to ask for.
    public var model: String
    /// How long an answer may take, in seconds.
    public var timeoutSeconds: Double
    /// From which scores on everybody is refused.
    public var basic: Thresholds
    /// From which scores on those are refused who asked for strict moderation.
    public var strict: Thresholds

    /// A checker's settings.
    public init(
        shape: CheckerShape, url: String, key: String?, model: String, timeoutSeconds: Double, basic: Thresholds,
        strict: Thresholds
    ) {
        self.shape = shape
        self.url = url
        self.key = key
        self.model = model
        self.timeoutSeconds = timeoutSeconds
        self.basic = basic
        self.strict = strict
    }

    func thresholds(_ level: ModerationLevel) -> Thresholds {
        if shape != .moderations { return ChatGuard.thresholds(level) }
        return level == .basic ? basic : strict
    }
}

/// A checker gave no verdict.
public struct CheckerAway: Error, Sendable, Equatable {
    /// Why, in one word of a fixed set.
    public let reason: String
    /// Whether it is worth a line in the log: it was not so before.
    public let isNews: Bool
}

/// Asks another program what it thinks of a text or picture.
public final class Checker: Sendable {
    private static let responseBytesMax = 256 * 1024

    private struct State {
        var circuit = Circuit()
        var cache = ScoreCache()
    }

    private let settings: CheckerSettings
    private let transfers: Transfers
    private let egress: EgressRule
    private let caFile: String?
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state = Mutex(State())

    /// - Parameters:
    ///   - egress: the addresses that may be called; a private one must be allowed by the operator.
    ///   - caFile: authorities to trust besides the system's.
    ///   - now: the clock; tests drive it.
    public init(
        _ settings: CheckerSettings, transfers: Transfers, egress: EgressRule, caFile: String? = nil,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.settings = settings
        self.transfers = transfers
        self.egress = egress
        self.caFile = caFile
        self.now = now
    }

    /// Whether pictures can be asked about.
    public var seesPictures: Bool { settings.shape.seesPictures }

    /// Why something is refused at a level; nil when it is not.
    public func refusal(
        of input: CheckedInput, level: ModerationLevel
    ) async throws(CheckerAway) -> ModerationCategory? {
        settings.thresholds(level).refusal(of: try await scores(input))
    }

    private func scores(_ input: CheckedInput) async throws(CheckerAway) -> ScoreCache.Scores {
        var hash = SHA256()
        hash.update(data: [input.digestPrefix])
        hash.update(data: input.bytes)
        let digest = Array(hash.finalize())
        let asked = now()
        if let known = state.withLock({ $0.cache.scores(digest, at: asked) }) { return known }
        guard state.withLock({ $0.circuit.permits(at: asked) }) else { throw CheckerAway(reason: "left_alone", isNews: false) }
        do {
            let scores = try await ask(input)
            state.withLock {
                $0.circuit.succeeded()
                $0.cache.keep(scores, for: digest, at: asked)
            }
            return scores
        } catch {
            let isNews = state.withLock { state in
                if error.isOurs {
                    state.circuit.abandoned()
                    return false
                }
                return state.circuit.failed(at: now())
            }
            throw CheckerAway(reason: error.reason, isNews: isNews)
        }
    }

    private struct NoAnswer: Error {
        let reason: String
        /// It says nothing about the checker.
        var isOurs = false
    }

    private func ask(_ input: CheckedInput) async throws(NoAnswer) -> ScoreCache.Scores {
        let rule = egress
        var headers = [(name: "content-type", value: "application/json")]
        if let key = settings.key { headers.append((name: "authorization", value: "Bearer \(key)")) }
        let request = TransferRequest(
            method: "POST", url: settings.url, headers: headers,
            body: settings.shape.requestBody(input, model: settings.model), timeoutSeconds: settings.timeoutSeconds,
            connectTimeoutSeconds: settings.timeoutSeconds, responseBytesMax: Self.responseBytesMax,
            egress: { rule.permits(numericAddress: $0, port: $1) }, caFile: caFile)
        let response: TransferResponse
        do { response = try await transfers.perform(request) } catch {
            switch error {
            case .busy, .cancelled, .stopped: throw NoAnswer(reason: error.label, isOurs: true)
            default: throw NoAnswer(reason: error.label)
            }
        }
        guard response.status == 200 else { throw NoAnswer(reason: "status_\(response.status)") }
        guard let scores = settings.shape.scores(response.body) else { throw NoAnswer(reason: "malformed_reply") }
        return scores
    }
}
