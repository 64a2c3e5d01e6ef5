import ArgumentParser
import Curl
import Domain
import Providers

struct ProviderTest: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Tries a provider's address, secret and models without buying anything; exit code 1 when one is not right.")

    @Argument var name: String
    @Option(help: "Only this model, by our name or the provider's; all that it has routes for when absent.") var model: String?
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        guard let provider = try await office.providers().provider(name, in: office.pool) else { throw unknownProvider(name) }
        if let fault = provider.fault { throw CommandError("the provider \(name) cannot be used: \(fault)") }
        let checks = try await checks(provider, in: office)
        let isWell = checks.allSatisfy { $0.problem == nil }
        if output.json {
            let list = checks.map { check in
                JSON.object([
                    ("check", .string(check.what)), ("ok", .bool(check.problem == nil)), ("problem", .optional(check.problem)),
                ])
            }
            Output.write(JSON.object([("name", .string(name)), ("ok", .bool(isWell)), ("checks", .array(list))]).text)
        } else {
            var table = Table(("CHECK", .left), ("STATE", .left), ("WHAT TO DO", .left))
            for check in checks { table.add(check.what, check.problem == nil ? "ok" : "TROUBLE", check.problem ?? "") }
            Output.write(table.text)
        }
        if !isWell { throw ExitCode(1) }
    }

    private func checks(_ provider: RoutedProvider, in office: Office) async throws -> [ProviderCheck] {
        let routed = provider.routes.filter { model == nil || $0.model == model }.map(\.upstreamModel)
        let models = routed.isEmpty ? [model].compactMap(\.self) : Set(routed).sorted()
        guard !models.isEmpty else {
            throw CommandError(
                "\(name) serves no model yet: name one with --model, or set a route with "
                    + "`zadmin route set --provider \(name) --model z-image-turbo`")
        }
        let transfers = Transfers()
        let access = ProviderAccess(transfers: transfers, egress: office.settings.egress, caFile: office.settings.egressCAFile)
        let caller = ProviderKind.provider(provider.settings, access)
        var checks: [ProviderCheck] = []
        for model in models {
            // What was tried for the model before is not told twice.
            for check in await caller.test(model: model) where !checks.contains(check) { checks.append(check) }
        }
        await transfers.shutdown()
        return checks
    }
}
