import ArgumentParser
import Domain
import Ledger

struct PriceList: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Shows the versions of prices, the latest first: past, in force, future and withdrawn.")

    @Option(help: "Only of this user group.") var group: String?
    @Option(help: "Only of this model.") var model: String?
    @Option(help: "Only what is, was or will be in force at this date, such as 2026-12-31.") var at: String?
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        var filter = PriceFilter()
        filter.group = group
        filter.model = model
        filter.at = try at.map(parseDate)
        if let group { try await requireGroup(group, in: office.pool) }
        let prices = try await PriceLists().list(filter, in: office.pool)
        if output.json { return Output.write(JSON.array(prices.map(\.json)).text) }
        var table = Table(
            ("VERSION", .right), ("GROUP", .left), ("MODEL", .left), ("OPERATION", .left), ("SIZE", .left), ("PRICE", .left),
            ("FROM", .left), ("UNTIL", .left), ("STATE", .left), ("BY", .left), ("REASON", .left))
        for price in prices {
            table.add(
                String(price.version), price.group, price.scope.model, price.scope.operation.rawValue,
                price.scope.tier?.rawValue ?? "every", price.terms.text, Output.time(price.from), Output.time(price.until),
                price.state.rawValue.replacing("_", with: " "), price.actor ?? "-", price.reasons)
        }
        Output.write(table.text)
    }
}

extension PriceListing {
    /// Why it was set, and why it was taken back.
    fileprivate var reasons: String {
        guard let withdrawnBy else { return reason ?? "-" }
        return "\(reason ?? "-"); withdrawn by \(withdrawnBy): \(withdrawnReason ?? "-")"
    }

    var json: JSON {
        .object([
            ("id", .int(version)), ("group", .string(group)), ("model", .string(scope.model)),
            ("operation", .string(scope.operation.rawValue)), ("size_tier", .optional(scope.tier?.rawValue)),
            ("rule", .string(terms.rule.rawValue)), ("amount", .string(terms.amount.description)),
            ("units_max", .int(Int64(terms.unitsMax))), ("from", .string(Output.timeText(from))),
            ("until", .optional(until.map(Output.timeText))), ("state", .string(state.rawValue)),
            ("set_at", .string(Output.timeText(setAt))), ("set_by", .optional(actor)), ("reason", .optional(reason)),
            ("withdrawn_at", .optional(withdrawnAt.map(Output.timeText))), ("withdrawn_by", .optional(withdrawnBy)),
            ("withdrawn_reason", .optional(withdrawnReason)),
        ])
    }
}
