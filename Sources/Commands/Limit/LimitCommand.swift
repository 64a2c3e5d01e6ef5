import ArgumentParser
import Domain
import Keys

struct LimitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limit",
        abstract: "Limits on requests per minute, waiting and running tasks; the strictest wins, over all nodes.",
        subcommands: [LimitSet.self, LimitClear.self, LimitList.self])
}

/// Whose limit, and of which model.
struct LimitSubject: ParsableArguments {
    @Option(help: "An account, all its keys together.") var account: String?
    @Option(help: "A user group: the limit of each of its accounts.") var group: String?
    @Option(parsing: .unconditional, help: "One key, by number.") var key: Int64?
    @Option(help: "A limit on this model alone; all models together when absent.") var model: String?

    func chosen() throws -> (scope: QuotaScope, name: String) {
        let named: [(QuotaScope, String)] =
            [account.map { (.account, $0) }, group.map { (.group, $0) }, key.map { (.key, String($0)) }].compactMap { $0 }
        guard named.count == 1, let (scope, name) = named.first else {
            throw CommandError("name one of --account, --group and --key")
        }
        return (scope, name)
    }

    func sentence(_ name: String, _ scope: QuotaScope) -> String {
        "the \(scope.rawValue) \(name)\(model.map { " on the model \($0)" } ?? "")"
    }
}

/// One figure as it is given on the command line.
enum Figure: Sendable {
    case unchanged, lifted, number(Int)

    init(_ text: String?, _ option: String, most: Int) throws {
        switch text {
        case nil: self = .unchanged
        case "none": self = .lifted
        case let text?:
            guard let number = Int(text), (1...most).contains(number) else {
                throw CommandError("\(option) must be 1 to \(most), or none, not \(text)")
            }
            self = .number(number)
        }
    }

    func apply(to old: inout Int?) {
        switch self {
        case .unchanged: break
        case .lifted: old = nil
        case .number(let number): old = number
        }
    }
}

struct LimitSet: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Sets or lifts limits; what is not named stays. Live and test jobs count apart.")

    @OptionGroup var subject: LimitSubject
    @Option(parsing: .unconditional, help: "Requests per minute, or none.") var rpm: String?
    @Option(parsing: .unconditional, help: "Requests at once, or none for as many as per minute.") var burst: String?
    @Option(parsing: .unconditional, help: "Tasks that may run at once, or none.") var maxRunning: String?
    @Option(parsing: .unconditional, help: "Tasks that may wait at once, or none.") var maxPending: String?
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        guard rpm != nil || burst != nil || maxRunning != nil || maxPending != nil else {
            throw CommandError("give --rpm, --burst, --max-running or --max-pending")
        }
        let figures = (
            rpm: try Figure(rpm, "--rpm", most: 10_000_000), burst: try Figure(burst, "--burst", most: 10_000_000),
            running: try Figure(maxRunning, "--max-running", most: 1_000_000),
            pending: try Figure(maxPending, "--max-pending", most: 100_000_000)
        )
        try await change.limit(
            "limit set", subject, [rpm, burst, maxRunning, maxPending], "Set the limits of", in: office
        ) { plan in
            figures.rpm.apply(to: &plan.requestsPerMinute)
            figures.burst.apply(to: &plan.burst)
            figures.running.apply(to: &plan.maxRunning)
            figures.pending.apply(to: &plan.maxPending)
            if case .lifted = figures.rpm { plan.burst = nil }
        }
    }
}

struct LimitClear: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "clear", abstract: "Lifts all limits of one line of the list.")

    @OptionGroup var subject: LimitSubject
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        try await change.limit("limit clear", subject, [], "Lifted the limits of", in: office) { $0 = LimitPlan() }
    }
}

extension ChangeOptions {
    fileprivate func limit(
        _ command: String, _ subject: LimitSubject, _ figures: [String?], _ words: String, in office: Office,
        _ edit: @escaping @Sendable (inout LimitPlan) -> Void
    ) async throws {
        let (scope, name) = try subject.chosen()
        let model = subject.model
        let arguments = [scope.rawValue, model ?? ""] + figures.map { $0 ?? "" }
        let result = try await run(command, target: name, arguments: arguments, in: office) { transaction in
            do {
                let plan = try await LimitBook().change(scope, name, model: model, in: transaction, edit)
                return LimitListing.json(scope, name, model, plan)
            } catch let error as LimitError {
                switch error {
                case .unknownSubject: throw CommandError("there is no \(scope.rawValue) '\(name)': see `zadmin \(scope.rawValue) list`")
                case .unknownModel: throw CommandError("there is no model '\(model ?? "")': see `zadmin price list`")
                case .burstWithoutRate: throw CommandError("--burst needs --rpm: it says how many of them may come at once")
                }
            }
        }
        self.print(result, "\(words) \(subject.sentence(name, scope)).")
    }
}

struct LimitList: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Shows limits, also those of `zadmin group` and `zadmin key`, at most 1000.")

    @Option(help: "Only of this account itself.") var account: String?
    @Option(help: "Only of this user group itself.") var group: String?
    @Option(parsing: .unconditional, help: "Only of this key itself.") var key: Int64?
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let named: [(QuotaScope, String)] =
            [account.map { (.account, $0) }, group.map { (.group, $0) }, key.map { (.key, String($0)) }].compactMap { $0 }
        guard named.count <= 1 else { throw CommandError("name one of --account, --group and --key, or none") }
        let limits = try await LimitBook().list(named.first?.0, named.first?.1, in: office.pool)
        if output.json {
            return Output.write(
                JSON.array(limits.map { LimitListing.json($0.scope, $0.subject, $0.model, $0.plan) }).text)
        }
        var table = Table(
            ("SCOPE", .left), ("NAME", .left), ("MODEL", .left), ("RPM", .right), ("BURST", .right), ("RUNNING", .right),
            ("PENDING", .right))
        for limit in limits {
            table.add(
                limit.scope.rawValue, limit.subject, limit.model ?? "all", Output.optional(limit.plan.requestsPerMinute),
                Output.optional(limit.plan.burst), Output.optional(limit.plan.maxRunning),
                Output.optional(limit.plan.maxPending))
        }
        Output.write(table.text)
    }
}

extension LimitListing {
    fileprivate static func json(_ scope: QuotaScope, _ subject: String, _ model: String?, _ plan: LimitPlan) -> JSON {
        func number(_ value: Int?) -> JSON { value.map { .int(Int64($0)) } ?? .null }
        return .object([
            ("scope", .string(scope.rawValue)), ("name", .string(subject)), ("model", .optional(model)),
            ("rpm", number(plan.requestsPerMinute)), ("burst", number(plan.burst)),
            ("max_running", number(plan.maxRunning)), ("max_pending", number(plan.maxPending)),
        ])
    }
}
