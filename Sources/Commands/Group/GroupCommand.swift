import ArgumentParser
import Domain
import Keys
import Postgres

struct GroupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group", abstract: "User groups: limits, allowed models, share of the workers.",
        subcommands: [GroupCreate.self, GroupUpdate.self, GroupList.self, GroupShow.self])
}

/// The limits of a group.
struct GroupLimits: ParsableArguments {
    @Option(parsing: .unconditional, help: "Requests per minute of each account.") var rpm: Int?
    @Option(parsing: .unconditional, help: "Requests at once of each account; as many as per minute when absent.") var burst: Int?
    @Option(parsing: .unconditional, help: "Running tasks of each account.") var maxRunning: Int?
    @Option(parsing: .unconditional, help: "Waiting tasks of each account.") var maxPending: Int?
    @Option(help: "Models that the group may use, with commas between; all when absent.") var models: String?
    @Option(parsing: .unconditional, help: "Share of the workers compared with other groups, from 1 to 1000.") var weight: Int?

    @Option(parsing: .unconditional, help: "Credits of a day for all its accounts together, or none; see `zadmin quota`.")
    var dailyCredits: String?

    func plan() throws -> GroupPlan {
        for (name, value, most) in [
            ("--rpm", rpm, 10_000_000), ("--burst", burst, 10_000_000), ("--max-running", maxRunning, 1_000_000),
            ("--max-pending", maxPending, 100_000_000), ("--weight", weight, 1000),
        ] {
            if let value, !(1...most).contains(value) { throw CommandError("\(name) must be 1 to \(most), not \(value)") }
        }
        var plan = GroupPlan()
        plan.weight = weight
        plan.requestsPerMinute = rpm
        plan.burst = burst
        plan.maxRunning = maxRunning
        plan.maxPending = maxPending
        plan.models = models?.split(separator: ",").map(String.init)
        return plan
    }

    var arguments: [String] {
        [rpm, burst, maxRunning, maxPending, weight].map { $0.map(String.init) ?? "" } + [models ?? ""]
            + (dailyCredits.map { [$0] } ?? [])
    }

    /// Sets the cap of the group, when one was given.
    func setQuota(_ group: String, _ daily: QuotaCap, in transaction: Transaction) async throws {
        if case .unchanged = daily { return }
        _ = try await Commands.setQuota(.group, group, daily: daily, monthly: .unchanged, timeZone: nil, in: transaction)
    }
}

struct GroupCreate: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Makes a user group.")

    @Argument(help: "Lower-case letters, digits, - and _.") var name: String
    @OptionGroup var limits: GroupLimits
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let plan = try limits.plan()
        guard name.wholeMatch(of: /[a-z0-9][a-z0-9_-]{0,62}/) != nil else {
            throw CommandError("'\(name)' cannot be a group's name: use lower-case letters, digits, - and _")
        }
        let (name, limits, daily) = (name, limits, try QuotaCap(limits.dailyCredits))
        let result = try await change.run("group create", target: name, arguments: limits.arguments, in: office) {
            guard try await Tenants().createGroup(name, plan, in: $0) else {
                throw CommandError("there is a group '\(name)' already: see `zadmin group show \(name)`")
            }
            try await limits.setQuota(name, daily, in: $0)
            return .object([("name", .string(name))])
        }
        change.print(result, "Made the group \(name).")
    }
}

struct GroupUpdate: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "update", abstract: "Changes the limits of a user group; what is not named stays.")

    @Argument var name: String
    @OptionGroup var limits: GroupLimits
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let plan = try limits.plan()
        let (name, limits, daily) = (name, limits, try QuotaCap(limits.dailyCredits))
        let result = try await change.run("group update", target: name, arguments: limits.arguments, in: office) {
            guard try await Tenants().updateGroup(name, plan, in: $0) else { throw unknownGroup(name) }
            try await limits.setQuota(name, daily, in: $0)
            return .object([("name", .string(name))])
        }
        change.print(result, "Changed the group \(name).")
    }
}

func unknownGroup(_ name: String) -> CommandError {
    CommandError("there is no group '\(name)': see `zadmin group list`, or make it with `zadmin group create \(name)`")
}

struct GroupList: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Shows all user groups.")

    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let groups = try await Tenants().groups(named: nil, in: office.pool)
        if output.json { return Output.write(JSON.array(groups.map(\.json)).text) }
        Output.write(GroupListing.table(groups))
    }
}

struct GroupShow: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows one user group.")

    @Argument var name: String
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        guard let group = try await Tenants().groups(named: name, in: office.pool).first else { throw unknownGroup(name) }
        Output.write(output.json ? group.json.text : GroupListing.table([group]))
    }
}

extension GroupListing {
    fileprivate static func table(_ groups: [GroupListing]) -> String {
        var table = Table(
            ("GROUP", .left), ("WEIGHT", .right), ("RPM", .right), ("BURST", .right), ("RUNNING", .right),
            ("PENDING", .right), ("MODELS", .left), ("ACCOUNTS", .right))
        for group in groups {
            table.add(
                group.name, String(group.weight), Output.optional(group.requestsPerMinute), Output.optional(group.burst),
                Output.optional(group.maxRunning), Output.optional(group.maxPending), group.modelsText ?? "all",
                String(group.accounts))
        }
        return table.text
    }

    fileprivate var json: JSON {
        func number(_ value: Int?) -> JSON { value.map { .int(Int64($0)) } ?? .null }
        return .object([
            ("name", .string(name)), ("weight", .int(Int64(weight))), ("rpm", number(requestsPerMinute)),
            ("burst", number(burst)), ("max_running", number(maxRunning)), ("max_pending", number(maxPending)),
            ("models", .optional(modelsText)), ("accounts", .int(accounts)),
        ])
    }
}
