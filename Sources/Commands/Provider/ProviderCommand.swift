import ArgumentParser
import Domain
import Keys
import Providers

struct ProviderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "provider", abstract: "Who makes pictures: hosted services and your own engines. Nodes follow within seconds.",
        subcommands: [
            ProviderAdd.self, ProviderUpdate.self, ProviderSecret.self, ProviderList.self, ProviderShow.self,
            ProviderEnable.self, ProviderDisable.self, ProviderTest.self, ProviderExplain.self,
        ])
}

extension Office {
    /// The providers, whose secrets the installation's secret opens.
    func providers() async throws -> ProviderBook { ProviderBook(key: try await secret().key(for: .providerSecret)) }
}

func unknownProvider(_ name: String) -> CommandError {
    CommandError("there is no provider '\(name)': see `zadmin provider list`")
}

/// Does what the book may refuse, and says what to do then.
func advised<Answer>(_ provider: String, _ work: () async throws -> Answer) async throws -> Answer {
    do { return try await work() } catch let error as ProviderBookError {
        switch error {
        case .duplicate:
            throw CommandError("there is a provider '\(provider)' already: change it with `zadmin provider update \(provider)`")
        case .unknownProvider: throw unknownProvider(provider)
        case .tooManyProviders:
            throw CommandError("there are \(ProviderBook.providersMax) providers: change one with `zadmin provider update`")
        case .tooManyRoutes:
            throw CommandError("there are \(ProviderBook.routesMax) routes: remove some with `zadmin route remove`")
        case .unknownModel(let known): throw CommandError("there is no such model: there are \(known.joined(separator: ", "))")
        case .unknownGroup: throw CommandError("there is no such group: see `zadmin group list`")
        case .unknownRoute: throw CommandError("the provider '\(provider)' has no such route: see `zadmin route list`")
        }
    }
}

struct ProviderAdd: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Adds a provider; its secret is one line of standard input and is stored sealed.",
        discussion: """
            A hosted service:   echo "$KEY" | zadmin provider add novita --kind novita --base-url https://api.novita.ai \
            --model z-image-turbo --cost 0.005 --currency USD
            Your own engine:    zadmin provider add gpu-1 --kind openai-images --engine sglang --base-url http://10.0.0.5:8000 \
            --allow-private --no-secret --model z-image-turbo --max-running 4
            """)

    @Argument(help: "Lower-case letters, digits, - and _. It stays, also in reports.") var name: String
    @Option(help: "What it speaks: novita, highway, unified, zimageturbo or openai-images. It stays.") var kind: String
    @OptionGroup var options: ProviderOptions
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        guard name.wholeMatch(of: /[a-z0-9][a-z0-9_-]{0,62}/) != nil, name != "sandbox" else {
            throw CommandError(
                "'\(name)' cannot be a provider's name: use lower-case letters, digits, - and _, and not sandbox, "
                    + "which is the built-in engine")
        }
        guard options.baseUrl != nil else { throw CommandError("give --base-url, such as https://api.example.com") }
        let kind = try knownKind()
        let routes = try options.routes()
        var draft = ProviderPlan(
            ProviderSettings(name: name, kind: kind, baseURL: "", timeoutSeconds: kind == .openaiImages ? 300 : 60))
        if let deadline = options.deadlineSeconds, options.timeoutSeconds == nil {
            draft.settings.timeoutSeconds = min(draft.settings.timeoutSeconds, Double(max(deadline, 1)))
        }
        try options.edits(office.settings.egress).apply(to: &draft)
        if !options.noSecret {
            draft.settings.secret = try SecretInput.read(
                "Secret of \(name)", advice: "pipe it, as in `echo \"$KEY\" | zadmin provider add ...`, or add --no-secret")
        }
        let (name, plan, book) = (name, draft, try await office.providers())
        let arguments = [kind.rawValue, plan.settings.secret.map(book.digest) ?? ""] + options.arguments
        let result = try await change.run("provider add", target: name, arguments: arguments, in: office) { transaction in
            try await advised(name) {
                let id = try await book.add(plan, in: transaction)
                for route in routes { try await book.setRoute(route, of: name, in: transaction) }
                return .object([
                    ("id", .int(Int64(id))), ("name", .string(name)), ("kind", .string(kind.rawValue)),
                    ("base_url", .string(plan.settings.baseURL)), ("secret", .string(plan.settings.secret == nil ? "none" : "set")),
                    ("models", .array(routes.map { .string($0.model) })),
                ])
            }
        }
        let next = routes.isEmpty ? "zadmin route set --provider \(name) --model z-image-turbo" : "zadmin provider test \(name)"
        change.print(result, "Added the provider \(name). \(routes.isEmpty ? "It serves no model yet" : "Try it"): `\(next)`.")
    }

    private func knownKind() throws -> ProviderKind {
        if let known = ProviderKind(rawValue: kind) { return known }
        let words = ProviderKind.allCases.map(\.rawValue)
        let nearest = nearestWord(to: kind, among: words) ?? ""
        throw CommandError("--kind is one of \(words.joined(separator: ", ")), not '\(kind)': did you mean \(nearest)?")
    }
}

struct ProviderUpdate: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "update", abstract: "Changes a provider; what is not named stays. Models that are named get a route.")

    @Argument var name: String
    @OptionGroup var options: ProviderOptions
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        guard !options.arguments.allSatisfy(\.isEmpty) else {
            throw CommandError("say what to change: see `zadmin provider update --help`; the secret is changed by `zadmin provider secret`")
        }
        let (name, routes, edits) = (name, try options.routes(), try options.edits(office.settings.egress))
        let secret: ProviderBook.SecretChange = options.noSecret ? .remove : .keep
        let book = try await office.providers()
        let result = try await change.run("provider update", target: name, arguments: options.arguments, in: office) { transaction in
            try await advised(name) {
                try await book.change(name, secret: secret, in: transaction) { try edits.apply(to: &$0) }
                for route in routes { try await book.setRoute(route, of: name, in: transaction) }
                return .object([("name", .string(name)), ("models", .array(routes.map { .string($0.model) }))])
            }
        }
        change.print(result, "Changed the provider \(name).")
    }
}

struct ProviderSecret: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "Gives a provider another secret: one line of standard input.",
        discussion: "Nodes use it within seconds. Let the old one work at the provider until then.")

    @Argument var name: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let secret = try SecretInput.read(
            "New secret of \(name)",
            advice: "pipe it, as in `echo \"$KEY\" | zadmin provider secret \(name)`, or take it away with "
                + "`zadmin provider update \(name) --no-secret`")
        let (name, book) = (name, try await office.providers())
        let result = try await change.run("provider secret", target: name, arguments: [book.digest(secret)], in: office) {
            transaction in
            try await advised(name) {
                try await book.change(name, secret: .set(secret), in: transaction)
                // The secret itself is kept out of the audit log.
                return .object([("name", .string(name)), ("secret", .string("set"))])
            }
        }
        change.print(result, "Changed the secret of \(name). Try it: `zadmin provider test \(name)`.")
    }
}

struct ProviderEnable: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "enable", abstract: "Lets a provider have jobs again.")

    @Argument var name: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        try await change.enable(name, true, "provider enable", "The provider \(name) gets jobs.", in: office)
    }
}

struct ProviderDisable: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Sends a provider no more jobs; those that it has are still asked for.")

    @Argument var name: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        try await change.enable(name, false, "provider disable", "The provider \(name) gets no more jobs.", in: office)
    }
}

extension ChangeOptions {
    fileprivate func enable(
        _ name: String, _ enabled: Bool, _ command: String, _ sentence: String, in office: Office
    ) async throws {
        let book = try await office.providers()
        let result = try await run(command, target: name, arguments: [], in: office) { transaction in
            try await advised(name) {
                try await book.change(name, in: transaction) { $0.isEnabled = enabled }
                return .object([("name", .string(name)), ("enabled", .bool(enabled))])
            }
        }
        self.print(result, sentence)
    }
}
