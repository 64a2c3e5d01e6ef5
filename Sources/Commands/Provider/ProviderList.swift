import ArgumentParser
import Domain
import Providers

struct ProviderList: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Shows all providers.")

    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let (providers, unread) = try await office.providers().list(in: office.pool)
        let told = Dictionary(grouping: try await ToldHealth.all(in: office.pool), by: \.providerID)
        let loads = try await ProviderLoad.all(in: office.pool)
        if output.json {
            return Output.write(JSON.array(providers.map { $0.json(told[$0.id] ?? [], loads[$0.id]) }).text)
        }
        var table = Table(
            ("PROVIDER", .left), ("KIND", .left), ("STATE", .left), ("HEALTH", .left), ("ADDRESS", .left), ("SECRET", .left),
            ("COST", .right), ("RUNNING", .right), ("RPM", .right), ("MODELS", .left))
        for provider in providers {
            table.add(
                provider.name, provider.kindText, provider.state, ToldHealth.summary(told[provider.id] ?? []),
                provider.settings.baseURL, provider.secretState, provider.costText, provider.runningText(loads[provider.id]),
                Output.optional(provider.requestsPerMinute),
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
        let told = try await ToldHealth.all(in: office.pool).filter { $0.providerID == provider.id }
        let load = try await ProviderLoad.all(in: office.pool)[provider.id]
        if output.json { return Output.write(provider.json(told, load).text) }
        var fields = Table(("FIELD", .left), ("VALUE", .left))
        fields.add("provider", "\(provider.name) (\(provider.kindText))")
        fields.add("state", provider.fault.map { "UNUSABLE: \($0)" } ?? provider.state)
        fields.add("address", provider.settings.baseURL + (provider.settings.allowsPrivate ? " (may be private)" : ""))
        fields.add("secret", provider.secretState)
        fields.add("cost", provider.settings.cost == nil ? "none" : "\(provider.costText) a picture")
        fields.add("running jobs", provider.maxRunning == nil ? "\(load?.running ?? 0), no limit" : provider.runningText(load))
        let used = (load?.limitedSeconds ?? 0) > 0 ? ", used up at present" : ""
        fields.add("per minute", provider.requestsPerMinute.map { "\($0)\(used)" } ?? "no limit")
        fields.add("timeout", "\(Int(provider.settings.timeoutSeconds)) s for a submit, \(provider.deadlineSeconds) s for a job")
        fields.add("since", Output.time(provider.createdAt))
        let routes = provider.routes.map { (provider: provider.name, route: $0) }
        let health = told.isEmpty ? "No node works at present, so nobody knows how it does." : ToldHealth.table(told)
        Output.write("\(fields.text)\n\n\(ProviderRoute.table(routes))\n\n\(health)")
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

    /// `3 of 20`, or without a limit `3`.
    func runningText(_ load: ProviderLoad?) -> String {
        let running = load?.running ?? 0
        return maxRunning.map { "\(running) of \($0)" } ?? "\(running)"
    }

    func json(_ told: [ToldHealth], _ load: ProviderLoad?) -> JSON {
        func number(_ value: Int?) -> JSON { value.map { .int(Int64($0)) } ?? .null }
        return .object([
            ("id", .int(Int64(id))), ("name", .string(name)), ("kind", .string(settings.kind.rawValue)),
            ("engine", .optional(settings.engine?.rawValue)), ("base_url", .string(settings.baseURL)),
            ("enabled", .bool(isEnabled)), ("problem", .optional(fault)), ("secret", .string(secretState.lowercased())),
            ("allow_private", .bool(settings.allowsPrivate)), ("cost", .optional(settings.cost?.amount)),
            ("currency", .optional(settings.cost?.currency)), ("running", number(load?.running ?? 0)),
            ("max_running", number(maxRunning)),
            ("rpm", number(requestsPerMinute)), ("timeout_seconds", .int(Int64(settings.timeoutSeconds))),
            ("deadline_seconds", .int(Int64(deadlineSeconds))), ("created_at", .string(Output.timeText(createdAt))),
            ("routes", .array(routes.map { .object($0.members) })), ("health", .array(told.map(\.json))),
        ])
    }
}

extension ToldHealth {
    /// What all nodes say of one provider.
    static func summary(_ told: [ToldHealth]) -> String {
        if told.isEmpty { return "-" }
        let resting = told.count { $0.rest != nil }
        return resting == 0 ? "well" : "left alone by \(resting) of \(told.count)"
    }

    var json: JSON {
        .object([
            ("node", .string(node)), ("state", .string(rest?.kind.rawValue ?? "well")),
            ("since", .string(Output.timeText(since))), ("reason", .optional(rest?.text)),
            ("picture_seconds", latencySeconds.map { .raw("\($0)") } ?? .null),
        ])
    }

    static func table(_ told: [ToldHealth]) -> String {
        var table = Table(("NODE", .left), ("HEALTH", .left), ("SINCE", .left), ("A PICTURE TAKES", .right), ("WHY", .left))
        for said in told {
            let seconds = said.latencySeconds.map { "\(($0 * 10).rounded() / 10) s" } ?? "-"
            table.add(
                said.node, said.rest == nil ? "well" : "left alone", Output.time(said.since), seconds, said.rest?.text ?? "")
        }
        return table.text
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
