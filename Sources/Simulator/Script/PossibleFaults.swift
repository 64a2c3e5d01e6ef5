public import Providers

extension Fault {
    /// The faults that a kind of provider can have at a moment, each once; empty where it is never asked so. A matrix of all
    /// tests goes through these.
    public static func possible(_ kind: ProviderKind, at moment: Moment) -> [Fault] {
        guard moments(of: kind).contains(moment) else { return [] }
        let isAtOnce = kind == .openaiImages
        var faults: [Fault] = [
            .slow(seconds: 2), .busy(retryAfterSeconds: 1), .status(500), .status(502), .status(503), .hang, .resetBefore,
            .resetAfter, .garbage,
        ]
        switch moment {
        case .submit:
            faults += [.status(401), .noCredit, .hangAfter, .badGatewayAfter, .flagged, .failed, .priceChange]
            faults += isAtOnce ? [.wrongType, .truncated] : []
            faults += callsBack(kind) ? [.duplicateCallback] : []
        case .poll: faults += [.status(401), .flagged, .failed, .priceChange, .missing]
        case .fetch: faults += [.wrongType, .truncated, .expiredLink]
        case .cancel: faults += [.status(401), .hangAfter, .badGatewayAfter, .missing]
        }
        return faults
    }

    /// What a kind of provider is asked. One that answers at once has nothing to ask for later, and only the unified kind
    /// can be asked to stop.
    public static func moments(of kind: ProviderKind) -> [Moment] {
        switch kind {
        case .openaiImages: [.submit]
        case .unified: [.submit, .poll, .fetch, .cancel]
        case .novita, .highway, .zimageturbo: [.submit, .poll, .fetch]
        }
    }

    private static func callsBack(_ kind: ProviderKind) -> Bool {
        switch kind {
        case .novita, .highway, .unified: true
        case .zimageturbo, .openaiImages: false
        }
    }

    /// The same fault whatever its number.
    func isLike(_ other: Fault) -> Bool {
        switch (self, other) {
        case (.slow, .slow), (.busy, .busy): true
        default: self == other
        }
    }
}
