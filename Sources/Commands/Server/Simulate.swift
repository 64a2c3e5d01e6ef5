import ArgumentParser
import Domain
import Foundation
import Providers
import Simulator
import UnixSignals

struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Plays a provider on this machine, for trying settings and faults; it costs nothing.",
        discussion: """
            It speaks the dialect of --kind as its documents say, draws real pictures, and serves until SIGTERM or SIGINT. \
            It needs no database and no settings.

            A fault is MOMENT:FAULT[:TIMES][@WORD]: submit:503, poll:slow=3:2, fetch:truncated:*@cat (each time, for prompts \
            with "cat" in them). Moments are submit, poll, fetch and cancel. `GET /_simulator` shows what it was asked and what \
            it charged, `GET /_simulator/invoice.csv` its invoice for `zadmin reconcile provider`, `POST /_simulator/faults` \
            takes a JSON list of faults in place of the old ones, and `POST /_simulator/finish` ends all jobs now.
            """)

    @Option(help: "What to play: \(ProviderKind.allCases.map(\.rawValue).joined(separator: ", ")).") var kind: String
    @Option(parsing: .unconditional, help: "The port on 127.0.0.1; 0 for any that is free.") var port = 0
    @Option(help: "The key that callers must send; empty for none.") var key = "simulated"
    @Option(parsing: .unconditional, help: "How long a job takes, in seconds.") var seconds = 1.0
    @Option(help: "A fault, see above; may be given many times.") var fault: [String] = []
    @Option(help: "A difference from the documents, such as numbers-as-strings; may be given many times. 'list' lists them.")
    var quirk: [String] = []
    @Option(parsing: .unconditional, help: "How many pictures the balance pays for; without end when absent.") var balance: Int?
    @Option(parsing: .unconditional, help: "What a picture costs, in USD; by the kind when absent.") var price: String?
    @Option(parsing: .unconditional, help: "How long links live, in seconds; by the kind when absent.") var linkSeconds: Int?

    func run() async throws {
        guard let kind = ProviderKind(rawValue: self.kind) else {
            let kinds = ProviderKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandError("--kind is one of \(kinds), not '\(self.kind)'")
        }
        // It is printed as a part of a command line, and sent in a header.
        guard key.utf8.count <= 200, key.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "'") }) else {
            throw CommandError("--key is at most 200 visible ASCII characters without quotes")
        }
        if quirk == ["list"] { return Output.write(Self.quirks(of: kind)) }
        let settings = try settings(kind)
        // Before it listens, so that no signal finds the default action.
        let signals = await UnixSignalsSequence(trapping: [.sigterm, .sigint])
        let simulator = try await Simulator.start(settings)
        Output.write(Self.greeting(kind, key: key, url: simulator.url))
        for await _ in signals { break }
        await simulator.stop()
    }

    private func settings(_ kind: ProviderKind) throws -> Simulator.Settings {
        var settings = Simulator.Settings(
            kind: kind, key: key.isEmpty ? nil : key, port: port, faults: try fault.map { try ScriptedFault($0) },
            secondsPerJob: seconds, balance: balance, linkSeconds: linkSeconds)
        for text in quirk {
            guard let quirk = Quirk(rawValue: text) else {
                throw CommandError("--quirk '\(text)' is not known; these are:\n\(Self.quirks(of: kind))")
            }
            settings.quirks.insert(quirk)
        }
        if let price { settings.price = try Self.price(price) }
        return settings
    }

    private static func price(_ text: String) throws -> ProviderCost {
        let shape = /([0-9]{1,6})(?:\.([0-9]{1,6}))?/
        guard let match = text.wholeMatch(of: shape), let whole = Int64(match.1) else {
            throw CommandError("--price is an amount in USD with at most six decimals, such as 0.005, not '\(text)'")
        }
        let decimals = String(match.2 ?? "").padding(toLength: 6, withPad: "0", startingAt: 0)
        return ProviderCost(micro: whole * 1_000_000 + (Int64(decimals) ?? 0), currency: "USD")
    }

    private static func quirks(of kind: ProviderKind) -> String {
        Quirk.allCases.filter { $0.kinds.contains(kind) }.map { "\($0.rawValue): \($0.meaning)" }.joined(separator: "\n")
    }

    private static func greeting(_ kind: ProviderKind, key: String, url: String) -> String {
        let engine = kind == .openaiImages ? " --engine reference" : ""
        let secret = key.isEmpty ? "" : "printf %s '\(key)' | "
        let other = kind == .openaiImages ? "\nit has the routes of sd-server too: say --engine sdapi for them" : ""
        let options = "--base-url \(url) --model z-image-turbo --allow-private\(key.isEmpty ? " --no-secret" : "")"
        return """
            simulating \(kind.rawValue) at \(url) (key: \(key.isEmpty ? "none" : key))
            what it was asked: curl \(url)/_simulator
            \(secret)zadmin provider add sim --kind \(kind.rawValue)\(engine) \(options)\(other)
            """
    }
}
