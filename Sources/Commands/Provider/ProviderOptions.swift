import ArgumentParser
import Domain
import Providers

/// What is said about a provider, when it is added and later.
struct ProviderOptions: ParsableArguments {
    @Option(help: "Where it is: scheme, host and port, such as https://api.example.com.") var baseUrl: String?
    @Option(
        help: """
            Which program it is: reference, sglang, vllm-omni, openai or zimage for openai-images; zimage, which is this \
            product, for unified.
            """)
    var engine: String?
    @Option(help: "A model that it serves, or MODEL=ITS-OWN-NAME. Can be repeated.") var model: [String] = []
    @Option(help: "The routes of --model are only for this: generate, edit or inpaint.") var operation: String?
    @Option(help: "The routes of --model are only for this user group.") var group: String?
    @Option(parsing: .unconditional, help: "Of these routes, 1 to 1000: the lower is asked first. 1 when absent.") var priority: Int?
    @Option(parsing: .unconditional, help: "Of these routes, 1 to 1000: the share among the same priority. 1 when absent.")
    var weight: Int?
    @Option(parsing: .unconditional, help: "What a picture is expected to cost, such as 0.004, or none.") var cost: String?
    @Option(help: "What the cost is in: three capital letters, such as USD.") var currency: String?
    @Option(parsing: .unconditional, help: "Jobs at once, over all nodes, or none for no limit.") var maxRunning: String?
    @Option(parsing: .unconditional, help: "Submits per minute, over all nodes, or none for no limit.") var rpm: String?
    @Option(
        parsing: .unconditional,
        help: "How long a submit may take to be answered: 60 when absent, 300 for openai-images, which answers with the picture.")
    var timeoutSeconds: Int?
    @Option(parsing: .unconditional, help: "How long a job may stay without an answer. 600 when absent.") var deadlineSeconds: Int?
    @Flag(inversion: .prefixedNo, help: "It may be in a private network, and be called there without TLS.") var allowPrivate: Bool?
    @Flag(help: "It wants no secret.") var noSecret = false

    /// All that is said, for comparing commands; empty texts where nothing is.
    var arguments: [String] {
        let numbers = [priority, weight, timeoutSeconds, deadlineSeconds].map { $0.map(String.init) ?? "" }
        let texts = [baseUrl, engine, operation, group, cost, currency, maxRunning, rpm].map { $0 ?? "" }
        return numbers + texts + [allowPrivate.map { "\($0)" } ?? "", noSecret ? "true" : ""] + model
    }

    func routes() throws -> [RoutePlan] {
        if model.isEmpty, operation != nil || group != nil || priority != nil || weight != nil {
            throw CommandError("--operation, --group, --priority and --weight are about the routes of --model: name a model")
        }
        let figures = RouteFigures(priority: priority, weight: weight)
        return try model.map { text in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.allSatisfy({ !$0.isEmpty }) else {
                throw CommandError("--model is MODEL or MODEL=ITS-OWN-NAME, not '\(text)'")
            }
            return try figures.plan(
                model: parts[0], upstream: parts.count == 2 ? parts[1] : nil, operation: operation, group: group)
        }
    }

    func edits(_ egress: EgressRule) throws -> ProviderEdits {
        for (name, value, most) in [("--timeout-seconds", timeoutSeconds, 3600), ("--deadline-seconds", deadlineSeconds, 86_400)] {
            if let value, !(1...most).contains(value) { throw CommandError("\(name) must be 1 to \(most), not \(value)") }
        }
        if let currency, currency.wholeMatch(of: /[A-Z]{3}/) == nil {
            throw CommandError("--currency is three capital letters, such as USD, not '\(currency)'")
        }
        return ProviderEdits(
            baseURL: baseUrl, engine: try engine.map { try EngineDialect(option: "--engine", $0) },
            allowsPrivate: allowPrivate, cost: try costChange(), currency: currency,
            maxRunning: try Figure(maxRunning, "--max-running", most: 1_000_000),
            requestsPerMinute: try Figure(rpm, "--rpm", most: 10_000_000), timeoutSeconds: timeoutSeconds,
            deadlineSeconds: deadlineSeconds, egress: egress)
    }

    private func costChange() throws -> ProviderEdits.Cost {
        switch cost {
        case nil: return .unchanged
        case "none": return .none
        case let text?:
            guard let amount = try? Credits(decimal: text), amount.micro <= 1_000_000_000_000 else {
                throw CommandError("--cost is a decimal with at most 6 decimals, such as 0.004, or none, not '\(text)'")
            }
            return .micro(amount.micro)
        }
    }
}

/// Changes of a provider that were read from a command line.
struct ProviderEdits: Sendable {
    enum Cost: Sendable { case unchanged, none, micro(Int64) }

    let baseURL: String?
    let engine: EngineDialect?
    let allowsPrivate: Bool?
    let cost: Cost
    let currency: String?
    let maxRunning: Figure
    let requestsPerMinute: Figure
    let timeoutSeconds: Int?
    let deadlineSeconds: Int?
    let egress: EgressRule

    func apply(to plan: inout ProviderPlan) throws {
        if let engine { plan.settings.engine = engine }
        try checkEngine(plan.settings)
        if let allowsPrivate { plan.settings.allowsPrivate = allowsPrivate }
        if baseURL != nil || allowsPrivate != nil {
            do {
                plan.settings.baseURL = try ProviderURL(
                    baseURL ?? plan.settings.baseURL, allowsPrivate: plan.settings.allowsPrivate, egress: egress
                ).text
            } catch { throw CommandError("--base-url: \(error)") }
        }
        plan.settings.cost = try cost(plan.settings.cost)
        maxRunning.apply(to: &plan.maxRunning)
        requestsPerMinute.apply(to: &plan.requestsPerMinute)
        if let timeoutSeconds { plan.settings.timeoutSeconds = Double(timeoutSeconds) }
        if let deadlineSeconds { plan.deadlineSeconds = deadlineSeconds }
        guard plan.deadlineSeconds >= Int(plan.settings.timeoutSeconds) else {
            throw CommandError(
                "--deadline-seconds (\(plan.deadlineSeconds)) must not be shorter than --timeout-seconds "
                    + "(\(Int(plan.settings.timeoutSeconds)))")
        }
    }

    private func checkEngine(_ settings: ProviderSettings) throws {
        let (kind, words) = (settings.kind.rawValue, settings.kind.engines.map(\.rawValue).sorted().joined(separator: ", "))
        if let engine = settings.engine, !settings.kind.engines.contains(engine) {
            throw CommandError(
                words.isEmpty
                    ? "--kind \(kind) has no --engine: leave it out" : "--kind \(kind) has no --engine \(engine.rawValue): use \(words)")
        }
        if settings.engine == nil, settings.kind.needsEngine {
            throw CommandError("--kind \(kind) needs --engine: one of \(words)")
        }
    }

    private func cost(_ old: ProviderCost?) throws -> ProviderCost? {
        let micro: Int64?
        switch cost {
        case .unchanged: micro = old?.micro
        case .none: micro = nil
        case .micro(let given): micro = given
        }
        switch (micro, currency ?? old?.currency) {
        case (let micro?, let currency?): return ProviderCost(micro: micro, currency: currency)
        case (.some, nil): throw CommandError("--cost needs --currency: what is it in, such as USD?")
        case (nil, _):
            guard currency == nil else { throw CommandError("--currency needs --cost: what does a picture cost?") }
            return nil
        }
    }
}
