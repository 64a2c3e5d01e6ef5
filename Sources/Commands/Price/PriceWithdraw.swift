import ArgumentParser
import Domain
import Ledger

struct PriceWithdraw: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw", abstract: "Takes back a version that has not come into force; what holds before it holds on.")

    @Argument(help: "The version, from `zadmin price list`.") var version: Int64
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let (version, author) = (version, change.priceAuthor)
        let result = try await change.run("price withdraw", target: String(version), arguments: [], in: office) {
            try await PriceLists().withdraw(version, by: author, in: $0).json
        }
        change.print(result, "Withdrew the price version \(version): it will not come into force.")
    }
}
