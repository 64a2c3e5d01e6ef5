import ArgumentParser
import Domain
import Providers

struct RouteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "route", abstract: "Which providers serve a model, for whom and in which order.",
        discussion: """
            The lowest priority number is asked first, and the next when those before it refuse or are left alone; among the \
            same priority chance decides by weight. A group with a route of its own for a model and operation uses only such.
            """,
        subcommands: [RouteSet.self, RouteList.self, RouteRemove.self])
}

/// The figures of a route as they are given.
struct RouteFigures {
    let priority: Int?
    let weight: Int?

    func plan(model: String, upstream: String?, operation: String?, group: String?) throws -> RoutePlan {
        for (name, value) in [("--priority", priority), ("--weight", weight)] {
            if let value, !(1...1000).contains(value) { throw CommandError("\(name) must be 1 to 1000, not \(value)") }
        }
        if let upstream, !(1...200).contains(upstream.count) || !upstream.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) {
            throw CommandError("the provider's own name of a model is 1 to 200 letters, digits and signs, not '\(upstream.prefix(50))'")
        }
        var plan = RoutePlan(
            model: model, operation: try operation.map { try TaskOperation(option: "--operation", $0) }, group: group)
        plan.upstreamModel = upstream
        plan.priority = priority
        plan.weight = weight
        return plan
    }
}

/// Which route is meant.
struct RouteSubject: ParsableArguments {
    @Option(help: "The provider.") var provider: String
    @Option(help: "The model, by our name.") var model: String
    @Option(help: "Only for this: generate, edit or inpaint; for every operation when absent.") var operation: String?
    @Option(help: "Only for this user group; for every group without a route of its own when absent.") var group: String?

    var arguments: [String] { [model, operation ?? "", group ?? ""] }
}

struct RouteSet: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Makes or changes a route; what is not named stays.")

    @OptionGroup var subject: RouteSubject
    @Option(help: "The provider's own name of the model; ours when absent.") var upstream: String?
    @Option(parsing: .unconditional, help: "1 to 1000: the lower is asked first. 1 when absent.") var priority: Int?
    @Option(parsing: .unconditional, help: "1 to 1000: the share among the same priority. 1 when absent.") var weight: Int?
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let plan = try RouteFigures(priority: priority, weight: weight).plan(
            model: subject.model, upstream: upstream, operation: subject.operation, group: subject.group)
        let arguments = subject.arguments + [upstream ?? "", Output.optional(priority), Output.optional(weight)]
        let (provider, book) = (subject.provider, try await office.providers())
        let result = try await change.run("route set", target: provider, arguments: arguments, in: office) { transaction in
            try await advised(provider) {
                let route = try await book.setRoute(plan, of: provider, in: transaction)
                return .object([("provider", .string(provider))] + route.members)
            }
        }
        change.print(result, "\(provider) serves \(subject.sentence).")
    }
}

struct RouteRemove: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "remove", abstract: "Removes a route.")

    @OptionGroup var subject: RouteSubject
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let plan = try RouteFigures(priority: nil, weight: nil).plan(
            model: subject.model, upstream: nil, operation: subject.operation, group: subject.group)
        let (provider, book) = (subject.provider, try await office.providers())
        let result = try await change.run("route remove", target: provider, arguments: subject.arguments, in: office) {
            transaction in
            try await advised(provider) {
                let route = try await book.removeRoute(plan, of: provider, in: transaction)
                return .object([("provider", .string(provider))] + route.members)
            }
        }
        change.print(result, "\(provider) no longer serves \(subject.sentence).")
    }
}

extension RouteSubject {
    fileprivate var sentence: String {
        "\(model) (\(operation ?? "every operation"), \(group.map { "the group \($0)" } ?? "every group without a route of its own"))"
    }
}

struct RouteList: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Shows routes by model and priority.")

    @Option(help: "Only of this provider.") var provider: String?
    @Option(help: "Only of this model.") var model: String?
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let (providers, _) = try await office.providers().list(named: provider, in: office.pool)
        if let provider, providers.isEmpty { throw unknownProvider(provider) }
        let routes = providers.flatMap { provider in provider.routes.map { (provider: provider.name, route: $0) } }
            .filter { model == nil || $0.route.model == model }
            .sorted { ($0.route.model, $0.route.priority, $0.provider) < ($1.route.model, $1.route.priority, $1.provider) }
        if output.json {
            return Output.write(
                JSON.array(routes.map { .object([("provider", .string($0.provider))] + $0.route.members) }).text)
        }
        Output.write(ProviderRoute.table(routes))
    }
}
