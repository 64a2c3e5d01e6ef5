import ArgumentParser
import Domain
import Foundation
import Keys
import Ledger
import Postgres

struct PriceQuote: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "quote", abstract: "Shows what a request would cost and by which version, without making it.")

    @Option(help: "The user group.") var group: String?
    @Option(help: "The account, instead of its group.") var account: String?
    @Option(help: "The model.") var model: String
    @Option(help: "generate, edit or inpaint.") var operation = "generate"
    @Option(help: "The picture's size, such as 1024x1024 or 16:9.") var size = "1024x1024"
    @Option(help: "The date of the request, such as 2026-12-31; now when absent.") var at: String?
    @Option(parsing: .unconditional, help: "Seconds or tokens used, to show what would be settled.") var units: Int?
    @Option(parsing: .unconditional, help: "Pictures of the request, 1 to 4.") var pictures = 1
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        guard Limits.pictures.contains(pictures) else { throw CommandError("--pictures must be 1 to 4, not \(pictures)") }
        let request = QuoteRequest(
            model: model, operation: try TaskOperation(option: "--operation", operation), tier: try pixels().tier,
            at: try at.map(parseDate), units: units,
            pictures: pictures)
        if let units, !(0...Int(Int32.max)).contains(units) { throw CommandError("--units must be 0 to \(Int32.max), not \(units)") }
        let group = try await groupName(in: office)
        guard try await PriceLists().models([model], in: office.pool).contains(model) else {
            throw CommandError("there is no model '\(model)': see `zadmin price list`")
        }
        guard let quote = try await PriceLists().quotes([request], group: group, in: office.pool)[0] else {
            throw CommandError(
                "no price of \(model) (\(operation), \(request.tier.rawValue)) is in force \(at ?? "now") for the group \(group), "
                    + "so a request would be refused: set one with `zadmin price set`")
        }
        let returned = quote.settled.map { Credits(micro: quote.reserved.micro - $0.micro) }
        if output.json { return Output.write(json(group, request, quote, returned).text) }
        var table = Table(
            ("GROUP", .left), ("MODEL", .left), ("OPERATION", .left), ("SIZE", .left), ("PICTURES", .right),
            ("VERSION", .right), ("LIST", .left),
            ("PRICE", .left), ("SINCE", .left), ("RESERVED", .right), ("SETTLED", .right), ("RETURNED", .right))
        table.add(
            group, model, operation, "\(size) (\(request.tier.rawValue))", String(pictures), String(quote.version),
            quote.group,
            quote.terms.text, Output.time(quote.from), quote.reserved.description, quote.settled?.description ?? "-",
            returned?.description ?? "-")
        Output.write(table.text)
    }

    private func pixels() throws -> ImageSize {
        guard let pixels = ImageSize(text: size, separator: "x") ?? AspectRatio(rawValue: size)?.size, pixels.width > 0,
            pixels.height > 0
        else { throw CommandError("--size is WIDTHxHEIGHT such as 1024x1024, or a ratio such as 16:9, not '\(size)'") }
        return pixels
    }

    private func groupName(in office: Office) async throws -> String {
        switch (group, account) {
        case (let group?, nil):
            try await requireGroup(group, in: office.pool)
            return group
        case (nil, let account?):
            guard let found = try await Tenants().accounts(named: account, in: office.pool).first else {
                throw unknownAccount(account)
            }
            return found.group
        default: throw CommandError("name either --group or --account")
        }
    }

    private func json(_ group: String, _ request: QuoteRequest, _ quote: Quote, _ returned: Credits?) -> JSON {
        .object(
            [
                ("group", .string(group)), ("model", .string(model)), ("operation", .string(operation)), ("size", .string(size)),
                ("size_tier", .string(request.tier.rawValue)), ("pictures", .int(Int64(pictures))),
            ] + quote.members + [("returned", .optional(returned?.description))])
    }
}

extension Quote {
    /// As members of a JSON object.
    var members: [(String, JSON)] {
        [
            ("version", .int(version)), ("list", .string(group)), ("rule", .string(terms.rule.rawValue)),
            ("amount", .string(terms.amount.description)), ("units_max", .int(Int64(terms.unitsMax))),
            ("from", .string(Output.timeText(from))), ("reserved", .string(reserved.description)),
            ("settled", .optional(settled?.description)),
        ]
    }
}
