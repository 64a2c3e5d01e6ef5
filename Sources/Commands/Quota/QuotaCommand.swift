import ArgumentParser
import Domain
import Ledger
import Postgres

struct QuotaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quota", abstract: "Caps on the credits of a day or month, for a key, an account or a whole group.",
        subcommands: [QuotaSet.self, QuotaShow.self, QuotaList.self])
}

/// Whose cap.
struct QuotaSubject: ParsableArguments {
    @Option(help: "An account, all its keys together.") var account: String?
    @Option(help: "A user group, all its accounts together.") var group: String?
    @Option(parsing: .unconditional, help: "One key, by number.") var key: Int64?

    func chosen() throws -> (scope: QuotaScope, name: String) {
        let named: [(QuotaScope, String)] =
            [account.map { (.account, $0) }, group.map { (.group, $0) }, key.map { (.key, String($0)) }].compactMap { $0 }
        guard named.count == 1, let (scope, name) = named.first else {
            throw CommandError("name one of --account, --group and --key")
        }
        return (scope, name)
    }
}

struct QuotaSet: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Sets or lifts a cap; what the present day and month have used already counts.")

    @OptionGroup var subject: QuotaSubject
    @Option(parsing: .unconditional, help: "Credits of a day, or none to lift the cap.") var daily: String?
    @Option(parsing: .unconditional, help: "Credits of a month, or none to lift the cap.") var monthly: String?
    @Option(help: "Where midnight is, such as Europe/Berlin; UTC when it was never given.") var timeZone: String?
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let (scope, name) = try subject.chosen()
        guard daily != nil || monthly != nil || timeZone != nil else {
            throw CommandError("give --daily, --monthly or --time-zone")
        }
        let (daily, monthly, zone) = (try QuotaCap(daily), try QuotaCap(monthly), timeZone)
        let arguments = [scope.rawValue, self.daily ?? "", self.monthly ?? "", zone ?? ""]
        let result = try await change.run("quota set", target: name, arguments: arguments, in: office) {
            try await setQuota(scope, name, daily: daily, monthly: monthly, timeZone: zone, in: $0)
        }
        change.print(result, "Set the quota of the \(scope.rawValue) \(name).")
    }
}

/// A cap as it is given on the command line.
enum QuotaCap: Sendable {
    case unchanged, lifted, credits(Credits)

    init(_ text: String?) throws {
        switch text {
        case nil: self = .unchanged
        case "none": self = .lifted
        case let text?: self = .credits(try Credits(decimal: text))
        }
    }

    func applied(to old: Credits?) -> Credits? {
        switch self {
        case .unchanged: old
        case .lifted: nil
        case .credits(let credits): credits
        }
    }
}

/// Changes what is given and leaves the rest of the cap as it is; answers the result for the log.
func setQuota(
    _ scope: QuotaScope, _ name: String, daily: QuotaCap, monthly: QuotaCap, timeZone: String?, in transaction: Transaction
) async throws -> JSON {
    let old = try await Quotas().plan(scope, name, in: transaction)
    let plan = QuotaPlan(
        daily: daily.applied(to: old?.daily), monthly: monthly.applied(to: old?.monthly),
        timeZone: timeZone ?? old?.timeZone ?? "UTC")
    try await Quotas().set(plan, scope, name, in: transaction)
    return .object([
        ("scope", .string(scope.rawValue)), ("name", .string(name)), ("daily", .optional(plan.daily?.description)),
        ("monthly", .optional(plan.monthly?.description)), ("time_zone", .string(plan.timeZone)),
    ])
}

struct QuotaShow: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows a cap and what is left of it.")

    @OptionGroup var subject: QuotaSubject
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let (scope, name) = try subject.chosen()
        let quotas = try await Quotas().list(scope, name, in: office.pool)
        if quotas.isEmpty, !output.json { return Output.write("The \(scope.rawValue) \(name) has no quota.") }
        QuotaListing.write(quotas, json: output.json)
    }
}

struct QuotaList: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Shows all caps, at most 1000.")

    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        QuotaListing.write(try await Quotas().list(nil, nil, in: office.pool), json: output.json)
    }
}

extension QuotaListing {
    fileprivate static func write(_ quotas: [QuotaListing], json: Bool) {
        if json { return Output.write(JSON.array(quotas.map(\.json)).text) }
        var table = Table(
            ("SCOPE", .left), ("NAME", .left), ("WINDOW", .left), ("CAP", .right), ("USED", .right), ("LEFT", .right),
            ("RESETS", .left), ("TIME ZONE", .left))
        for quota in quotas {
            table.add(
                quota.scope.rawValue, quota.subject, quota.window.rawValue, quota.cap.description,
                quota.used.description, quota.left.description, Output.time(quota.resetsAt), quota.timeZone)
        }
        Output.write(table.text)
    }

    private var json: JSON {
        .object([
            ("scope", .string(scope.rawValue)), ("name", .string(subject)), ("window", .string(window.rawValue)),
            ("cap", .string(cap.description)), ("used", .string(used.description)), ("left", .string(left.description)),
            ("resets_at", .string(Output.timeText(resetsAt))), ("time_zone", .string(timeZone)),
        ])
    }
}
