import Domain

/// The steps of `zadmin provider test` that all hosted providers have.
extension HostedCalls {
    /// What a question that costs nothing says about the key.
    enum KeyVerdict {
        case accepted
        case refused(ProviderFault)
        /// The answer is not what this kind of provider says; what it seems to mean, if anything.
        case strange(ProviderFault?)

        /// What a fault says, told in words of the dialect or by a status alone.
        init(_ fault: ProviderFault?, isDialect: Bool) {
            if let fault, isDialect { self = .refused(fault) } else { self = .strange(fault) }
        }
    }

    /// Asks once, and goes on to the next steps when the key is good.
    /// - Parameters:
    ///   - path: of something that does not exist, so that only a good key is told so.
    ///   - judge: what the answer says.
    ///   - next: the steps after it.
    func checks(
        _ path: String, _ judge: (HostedReply) async -> KeyVerdict, next: () async -> [ProviderCheck]
    ) async -> [ProviderCheck] {
        let reaches = "reaches \(settings.baseURL)"
        switch await ask(.test, path) {
        case .silent(let text, _): return [ProviderCheck(reaches, problem: text)]
        case .reply(let reply):
            let reached = [ProviderCheck(reaches)]
            switch await judge(reply) {
            case .accepted: return reached + [dialectCheck(), ProviderCheck("accepts the key")] + (await next())
            case .refused(let fault):
                return reached + [dialectCheck(), ProviderCheck("accepts the key", problem: fault.message)]
            case .strange(let fault):
                return reached + [dialectCheck(problem: fault?.message ?? "\(reply.summary): correct the base URL or the kind")]
            }
        }
    }

    private func dialectCheck(problem: String? = nil) -> ProviderCheck {
        ProviderCheck("speaks the dialect \(settings.kind.rawValue)", problem: problem)
    }

    /// - Parameter amount: with its unit.
    static func balanceCheck(_ amount: String, isEmpty: Bool) -> ProviderCheck {
        ProviderCheck("has a balance of \(amount)", problem: isEmpty ? "nothing is left to pay with: top the account up there" : nil)
    }
}
