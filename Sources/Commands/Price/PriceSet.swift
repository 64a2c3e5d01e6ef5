import ArgumentParser
import Domain
import Foundation
import Ledger

struct PriceSet: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Sets a price from a date on; tasks keep the price they were made under.",
        discussion: "Set again for the same later date, it takes the place of the version that waits for that date.")

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
        let (group, model, author) = (group, model, change.priceAuthor)
        let arguments = [
            model, operation, sizeTier ?? "", rule, plan.terms.amount.description, String(unitsMax), from ?? "",
        ]
        let result = try await change.run("price set", target: group, arguments: arguments, in: office) {
            guard let set = try await PriceLists().set([plan], group: group, by: author, in: $0)?.first else {
                throw CommandError(
                    "there is no group '\(group)' or no model '\(model)': see `zadmin group list` and `zadmin price list`")
            }
            return .object([
                ("id", .int(set.version)), ("amount", .string(plan.terms.amount.description)),
                ("from", .string(Output.timeText(set.from))), ("replaced", set.replaced.map(JSON.int) ?? .null),
            ])
        }
        let set = try JSONDecoder().decode(Answer.self, from: Data(result.text.utf8))
        let place = set.replaced.map { ", in place of version \($0)" } ?? ""
        change.print(
            result,
            "\(model) (\(operation), \(sizeTier ?? "every size")) costs the group \(group) \(plan.terms.text) from \(set.from) on: "
                + "version \(set.id)\(place).")
    }

    private struct Answer: Decodable {
        let id: Int64
        let from: String
        let replaced: Int64?
    }

    private func plan() throws -> PricePlan {
        let operation = try TaskOperation(option: "--operation", operation)
        let rule = try BillingRule(option: "--rule", rule)
        let tier = try sizeTier.map { try SizeTier(option: "--size-tier", $0) }
        let terms = try PriceTerms(rule: rule, amount: try Credits(decimal: amount), unitsMax: unitsMax)
        return PricePlan(
            scope: PriceScope(model: model, operation: operation, tier: tier), terms: terms, from: try from.map(parseDate))
    }
}
