import ArgumentParser
import Domain
import Foundation
import Keys
import Ledger
import Postgres

struct PriceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "price", abstract: "Prices by group, model, operation and size.",
        subcommands: [PriceSet.self, PriceLoad.self, PriceWithdraw.self, PriceList.self, PriceQuote.self])
}

extension ChangeOptions {
    var priceAuthor: PriceAuthor { PriceAuthor(actor: NSUserName(), reason: reason) }
}

extension RawRepresentable where Self: CaseIterable, RawValue == String {
    /// The value of an option.
    init(option: String, _ text: String) throws {
        do { self = try Self(word: text) } catch { throw CommandError("\(option): \(error)") }
    }
}

extension PriceTerms {
    /// As one cell: `0.015 per_second, at most 60`.
    var text: String { "\(amount) \(rule.rawValue)\(rule == .perCall ? "" : ", at most \(unitsMax)")" }
}

/// Throws when there is no such group, so that an empty list means a group without prices.
func requireGroup(_ name: String, in session: any Session) async throws {
    if try await Tenants().groups(named: name, in: session).isEmpty { throw unknownGroup(name) }
}
