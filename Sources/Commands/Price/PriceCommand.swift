import ArgumentParser
import Domain
import Ledger

struct PriceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "price", abstract: "Prices by group, model, operation and size.",
        subcommands: [PriceSet.self, PriceList.self])
}

struct PriceSet: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Sets a price from a date on; tasks keep the price they were made under.")

    @Option(help: "The user group.") var group: String
    @Option(help: "The model.") var model: String
    @Option(help: "generate, edit or inpaint.") var operation = "generate"
    @Option(help: "standard (up to 1024x1024) or large; every size when absent.") var sizeTier: String?
    @Option(help: "per_call, per_second or per_token.") var rule = "per_call"
    @Option(parsing: .unconditional, help: "Credits per call, second or token, with up to 6 decimals.") var amount: String
    @Option(parsing: .unconditional, help: "The most seconds or tokens of one call: amount times this is reserved.") var unitsMax = 1
    @Option(help: "The date from which it holds, such as 2026-12-31; now when absent.") var from: String?
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let plan = try plan()
        let arguments = [
            plan.model, operation, sizeTier ?? "", rule, plan.amount.description, String(unitsMax), from ?? "",
        ]
        let result = try await change.run("price set", target: group, arguments: arguments, in: office) {
            guard let id = try await PriceLists().set(plan, in: $0) else {
                throw CommandError(
                    "there is no group '\(plan.group)' or no model '\(plan.model)': see `zadmin group list` and `zadmin price list`")
            }
            return .object([("id", .int(id)), ("amount", .string(plan.amount.description))])
        }
        change.print(result, "\(model) costs \(plan.amount) credits \(rule) for the group \(group) (\(operation)).")
    }

    private func plan() throws -> PricePlan {
        guard let operation = TaskOperation(rawValue: operation) else {
            throw CommandError("--operation is generate, edit or inpaint, not '\(operation)'")
        }
        guard let rule = BillingRule(rawValue: rule) else {
            throw CommandError("--rule is per_call, per_second or per_token, not '\(rule)'")
        }
        if let sizeTier, !["standard", "large"].contains(sizeTier) {
            throw CommandError("--size-tier is standard or large, not '\(sizeTier)'")
        }
        guard (1...1_000_000).contains(unitsMax), rule != .perCall || unitsMax == 1 else {
            throw CommandError("--units-max is 1 to 1000000, and 1 for per_call")
        }
        let credits = try Credits(decimal: amount)
        guard credits.micro.multipliedReportingOverflow(by: Int64(unitsMax)).partialValue <= Credits.max.micro else {
            throw CommandError("--amount times --units-max is more than \(Credits.max) credits")
        }
        var plan = PricePlan(
            group: group, model: model, operation: operation, rule: rule, amount: credits, unitsMax: unitsMax)
        plan.sizeTier = sizeTier
        plan.from = try from.map(parseDate)
        return plan
    }
}

struct PriceList: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Shows prices, the newest first.")

    @Option(help: "Only of this user group.") var group: String?
    @Option(help: "Only of this model.") var model: String?
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let prices = try await PriceLists().list(group: group, model: model, in: office.pool)
        if output.json { return Output.write(JSON.array(prices.map(\.json)).text) }
        var table = Table(
            ("VERSION", .right), ("GROUP", .left), ("MODEL", .left), ("OPERATION", .left), ("SIZE", .left),
            ("RULE", .left), ("CREDITS", .right), ("UNITS", .right), ("FROM", .left))
        for price in prices {
            table.add(
                String(price.id), price.group, price.model, price.operation, price.sizeTier ?? "every", price.rule,
                price.amount.description, String(price.unitsMax), Output.time(price.from))
        }
        Output.write(table.text)
    }
}

extension PriceListing {
    fileprivate var json: JSON {
        .object([
            ("id", .int(id)), ("group", .string(group)), ("model", .string(model)), ("operation", .string(operation)),
            ("size_tier", .optional(sizeTier)), ("rule", .string(rule)), ("amount", .string(amount.description)),
            ("units_max", .int(Int64(unitsMax))), ("from", .string(Output.timeText(from))),
        ])
    }
}
