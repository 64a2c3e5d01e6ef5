import ArgumentParser
import Domain
import Providers

struct ProviderList: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Shows all providers.")

    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let (providers, unread) = try await office.providers().list(in: office.pool)
        if output.json { return Output.write(JSON.array(providers.map(\.json)).text) }
        var table = Table(
            ("PROVIDER", .left), ("KIND", .left), ("STATE", .left), ("ADDRESS", .left), ("SECRET", .left), ("COST", .right),
            ("RUNNING", .right), ("RPM", .right), ("MODELS", .left))
        for provider in providers {
            table.add(
                provider.name, provider.kindText, provider.state, provider.settings.baseURL, provider.secretState,
                provider.costText, Output.optional(provider.maxRunning), Output.optional(provider.requestsPerMinute),
                provider.models.isEmpty ? "-" : provider.models.joined(separator: ","))
        }
        Output.write(table.text)
        for name in unread { Output.write("\(name) is left out: this version of the program does not know its kind or engine.") }
    }
}

struct ProviderShow: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows one provider and its routes.")

    @Argument var name: String
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        guard let provider = try await office.providers().provider(name, in: office.pool) else { throw unknownProvider(name) }
        if output.json { return Output.write(provider.json.text) }
        var fields = Table(("FIELD", .left), ("VALUE", .left))
        fields.add("provider", "\(provider.name) (\(provider.kindText))")
        fields.add("state", provider.fault.map { "UNUSABLE: \($0)" } ?? provider.state)
        fields.add("address", provider.settings.baseURL + (provider.settings.allowsPrivate ? " (may be private)" : ""))
        fields.add("secret", provider.secretState)
        fields.add("cost", provider.settings.cost == nil ? "none" : "\(provider.costText) a picture")
        fields.add("jobs at once", provider.maxRunning.map(String.init) ?? "no limit")
        fields.add("per minute", provider.requestsPerMinute.map(String.init) ?? "no limit")
        fields.add("timeout", "\(Int(provider.settings.timeoutSeconds)) s for a submit, \(provider.deadlineSeconds) s for a job")
        fields.add("since", Output.time(provider.createdAt))
        let routes = provider.routes.map { (provider: provider.name, route: $0) }
        Output.write("\(fields.text)\n\n\(ProviderRoute.table(routes))")
    }
}

extension RoutedProvider {
    /// Nothing of the secret itself.
    var secretState: String { hasSecret ? (settings.secret == nil ? "UNREADABLE" : "set") : "none" }

    var state: String { fault != nil ? "UNUSABLE" : isEnabled ? "enabled" : "disabled" }

    var kindText: String { settings.kind.rawValue + (settings.engine.map { "/\($0.rawValue)" } ?? "") }

    var costText: String { settings.cost.map { "\($0.amount) \($0.currency)" } ?? "-" }

    /// Each once.
    var models: [String] { Set(routes.map(\.model)).sorted() }

    var json: JSON {
        func number(_ value: Int?) -> JSON { value.map { .int(Int64($0)) } ?? .null }
        return .object([
            ("id", .int(Int64(id))), ("name", .string(name)), ("kind", .string(settings.kind.rawValue)),
            ("engine", .optional(settings.engine?.rawValue)), ("base_url", .string(settings.baseURL)),
            ("enabled", .bool(isEnabled)), ("problem", .optional(fault)), ("secret", .string(secretState.lowercased())),
            ("allow_private", .bool(settings.allowsPrivate)), ("cost", .optional(settings.cost?.amount)),
            ("currency", .optional(settings.cost?.currency)), ("max_running", number(maxRunning)),
            ("rpm", number(requestsPerMinute)), ("timeout_seconds", .int(Int64(settings.timeoutSeconds))),
            ("deadline_seconds", .int(Int64(deadlineSeconds))), ("created_at", .string(Output.timeText(createdAt))),
            ("routes", .array(routes.map { .object($0.members) })),
        ])
    }
}

extension ProviderRoute {
    var members: [(String, JSON)] {
        [
            ("model", .string(model)), ("upstream_model", .string(upstreamModel)), ("operation", .optional(operation?.rawValue)),
            ("group", .optional(group?.name)), ("priority", .int(Int64(priority))), ("weight", .int(Int64(weight))),
        ]
    }

    static func table(_ routes: [(provider: String, route: ProviderRoute)]) -> String {
        var table = Table(
            ("MODEL", .left), ("OPERATION", .left), ("GROUP", .left), ("PRIORITY", .right), ("WEIGHT", .right),
            ("PROVIDER", .left), ("ITS NAME OF THE MODEL", .left))
        for (provider, route) in routes {
            table.add(
                route.model, route.operation?.rawValue ?? "all", route.group?.name ?? "all", String(route.priority),
                String(route.weight), provider, route.upstreamModel)
        }
        return table.text
    }
}
