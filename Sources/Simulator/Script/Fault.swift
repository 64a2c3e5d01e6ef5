/// A kind of call that a provider is asked with; each can go wrong in its own ways.
public enum Moment: String, Sendable, CaseIterable {
    case submit, poll, fetch, cancel
}

/// What goes wrong in one call.
public enum Fault: Hashable, Sendable {
    /// It does what it is asked, and answers so many seconds later.
    case slow(seconds: Double)
    /// 429 with `Retry-After`.
    case busy(retryAfterSeconds: Int)
    /// An answer with this status, 401, 500, 502 or 503, and nothing done. 502 is the page of a proxy in front where the
    /// documents have no words for it.
    case status(Int)
    /// The dialect's words for an empty balance.
    case noCredit
    /// Nothing is done and nothing is answered; the connection stays open.
    case hang
    /// It does what it is asked and charges for it, and never answers.
    case hangAfter
    /// The connection is closed before anything is done.
    case resetBefore
    /// It does what it is asked and charges for it, and closes the connection instead of an answer; a picture is cut off.
    case resetAfter
    /// It does what it is asked and charges for it, and a proxy in front answers 502.
    case badGatewayAfter
    /// It does what it is asked and answers 200 with something that is no JSON, or no picture.
    case garbage
    /// `text/html` where a picture should be.
    case wrongType
    /// The first half of the picture, as if it were whole.
    case truncated
    /// The provider finds the content unfit, in the words of its dialect.
    case flagged
    /// The job ends without a picture and is not charged.
    case failed
    /// The link is dead; the next poll gives a new one.
    case expiredLink
    /// Its callback comes twice.
    case duplicateCallback
    /// It bills twice the price.
    case priceChange
    /// It says that it does not know the job.
    case missing

    /// How it is written; the numbers where they are not the usual ones.
    public var text: String {
        switch self {
        case .slow(let seconds): seconds == Self.slowSeconds ? "slow" : "slow=\(seconds)"
        case .busy(let seconds): seconds == Self.retryAfterSeconds ? "429" : "429=\(seconds)"
        case .status(let status): "\(status)"
        default: Self.words.first { $0.fault == self }?.word ?? ""
        }
    }

    private static let slowSeconds = 2.0
    private static let retryAfterSeconds = 1

    private static let words: [(word: String, fault: Fault)] = [
        ("402", .noCredit), ("hang", .hang), ("hang-after", .hangAfter), ("reset-before", .resetBefore),
        ("reset-after", .resetAfter), ("502-after", .badGatewayAfter), ("garbage", .garbage), ("wrong-type", .wrongType),
        ("truncated", .truncated), ("flagged", .flagged), ("failed", .failed), ("expired-link", .expiredLink),
        ("duplicate-callback", .duplicateCallback), ("price-change", .priceChange), ("missing", .missing),
    ]

    /// Reads `slow=3`, `429`, `hang`; nil when it is none.
    init?(_ text: some StringProtocol) {
        let parts = String(text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let number = parts.count == 2 ? Double(parts[1]) : nil
        guard parts.count == 1 || (number.map { (0...3600).contains($0) } ?? false) else { return nil }
        switch parts[0] {
        case "slow": self = .slow(seconds: number ?? Self.slowSeconds)
        case "429": self = .busy(retryAfterSeconds: number.map { Int($0) } ?? Self.retryAfterSeconds)
        case "401", "500", "502", "503": self = .status(Int(parts[0]) ?? 500)
        default:
            guard number == nil, let fault = Self.words.first(where: { $0.word == parts[0] })?.fault else { return nil }
            self = fault
        }
        guard number == nil || text.hasPrefix("slow") || text.hasPrefix("429") else { return nil }
    }
}
