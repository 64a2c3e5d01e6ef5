import ArgumentParser
import Curl
import Domain
import Providers

struct ProviderExplain: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Shows which provider a request would go to now, and why the others would not get it.",
        discussion: "Nothing is sent. Running jobs, used limits and what the nodes say of failures are those of this moment.")

    @Option(help: "The model.") var model: String
    @Option(help: "generate, edit or inpaint.") var operation = "generate"
    @Option(help: "The picture's size, such as 1024x1024 or 16:9.") var size = "1024x1024"
    @Option(help: "The user group.") var group = "default"
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        try await requireGroup(group, in: office.pool)
        let book = try await office.providers()
        try await advised("") { try await book.requireModel(model, in: office.pool) }
        let (providers, _) = try await book.list(in: office.pool)
        let told = try await ToldHealth.all(in: office.pool)
        let states = ToldHealth.states(told, try await ProviderLoad.all(in: office.pool))
        let transfers = Transfers()
        let access = ProviderAccess(transfers: transfers, egress: office.settings.egress)
        let snapshot = ProviderSnapshot(providers) { ProviderKind.provider($0, access) }
        let groupID = providers.flatMap(\.routes).compactMap(\.group).first { $0.name == group }?.id
        var chance = SystemRandomNumberGenerator()
        let choice = ProviderChoice(
            ProviderQuestion(model: model, groupID: groupID, image: try image()), snapshot, states: states, using: &chance)
        await transfers.shutdown()
        if output.json { return Output.write(json(choice).text) }
        var table = Table(
            ("PROVIDER", .left), ("ANSWER", .left), ("PRIORITY", .right), ("WEIGHT", .right), ("COST", .right), ("WHY", .left))
        for reason in choice.reasons {
            table.add(
                reason.provider.name, reason.place.text, Output.optional(reason.route?.priority),
                Output.optional(reason.route?.weight), reason.provider.costText, reason.why)
        }
        let nodes = Set(told.map(\.node)).sorted()
        let note = nodes.isEmpty
            ? "No node works at present, so nobody knows how the providers do." : "As known to \(nodes.joined(separator: ", "))."
        let details = choice.reasons.isEmpty ? [] : ["", table.text, "", note]
        Output.write(([choice.decision.sentence(model)] + details).joined(separator: "\n"))
    }

    private func image() throws -> ImageRequest {
        let operation = try TaskOperation(option: "--operation", operation)
        guard let pixels = ImageSize(text: size, separator: "x") ?? AspectRatio(rawValue: size)?.size, pixels.width > 0,
            pixels.height > 0
        else { throw CommandError("--size is WIDTHxHEIGHT such as 1024x1024, or a ratio such as 16:9, not '\(size)'") }
        let picture = InputPicture.stored("explained")
        let inputs = operation == .generate ? nil : ImageInputs(image: picture, mask: operation == .inpaint ? picture : nil)
        return ImageRequest(
            prompt: "", sizeText: size, size: pixels, seed: 1, format: .webp, nsfwCheck: false, inputs: inputs)
    }

    private func json(_ choice: ProviderChoice) -> JSON {
        let list = choice.reasons.map { reason in
            JSON.object([
                ("provider", .string(reason.provider.name)), ("answer", .string(reason.place.text)),
                ("priority", reason.route.map { .int(Int64($0.priority)) } ?? .null),
                ("weight", reason.route.map { .int(Int64($0.weight)) } ?? .null),
                ("upstream_model", .optional(reason.route?.upstreamModel)), ("cost", .optional(reason.provider.settings.cost?.amount)),
                ("currency", .optional(reason.provider.settings.cost?.currency)), ("why", .string(reason.why)),
            ])
        }
        return .object([
            ("decision", .string(choice.decision.word)), ("provider", .optional(choice.decision.provider)),
            ("sentence", .string(choice.decision.sentence(model))), ("providers", .array(list)),
        ])
    }
}

extension ProviderReason.Place {
    fileprivate var text: String {
        switch self {
        case .chosen: "chosen"
        case .next: "next"
        case .not: "not"
        }
    }
}

extension ProviderChoice.Decision {
    fileprivate var word: String {
        switch self {
        case .sandbox: "sandbox"
        case .provider: "provider"
        case .wait, .exhausted: "wait"
        case .never: "never"
        }
    }

    fileprivate var provider: String? {
        guard case .provider(let provider, _) = self else { return nil }
        return provider.name
    }

    fileprivate func sentence(_ model: String) -> String {
        switch self {
        case .sandbox: "No provider has a route for \(model), so the sandbox draws it: see `zadmin route set`."
        case .provider(let provider, let route): "\(provider.name) gets the request, as \(route.upstreamModel)."
        case .wait, .exhausted: "The request waits: nobody can take it now."
        case .never(let why): "The request fails, because \(why)."
        }
    }
}
