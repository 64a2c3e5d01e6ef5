import ArgumentParser
import Domain
import Foundation
import Keys
import Ledger

func unknownKey(_ id: Int64) -> CommandError { CommandError("there is no key \(id): see `zadmin key list`") }

struct KeyUpdate: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "update",
        abstract: "Changes what a key may do, on every node within 2 seconds; what is not named stays.")

    @Argument(help: "The key's number, from `zadmin key list`.") var key: Int64
    @Option(help: "What it may do: generate, read and admin, with commas between.") var scopes: String?
    @Option(help: "Models that it may use, with commas between, or none for all of the account's.") var models: String?
    @Option(help: "Addresses and blocks that it may be used from, with commas between, or none for everywhere.") var ip: String?
    @Option(parsing: .unconditional, help: "Requests per minute of its own, or none.") var rpm: String?
    @Option(parsing: .unconditional, help: "Requests at once of its own, or none.") var burst: String?
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let edit = try edit()
        let (id, arguments) = (key, [scopes, models, ip, rpm, burst].map { $0 ?? "" })
        let result = try await change.run("key update", target: String(id), arguments: arguments, in: office) {
            guard let terms = try await KeyIssuer.update(id, in: $0, edit) else { throw unknownKey(id) }
            return .object([("id", .int(id))] + terms.json)
        }
        change.print(result, "Changed the key \(id).")
    }

    private func edit() throws -> @Sendable (inout KeyTerms) throws -> Void {
        guard [scopes, models, ip, rpm, burst].contains(where: { $0 != nil }) else {
            throw CommandError("give --scopes, --models, --ip, --rpm or --burst")
        }
        let rights = try scopes.map(keyRights)
        let models: [String]?? = models.map { $0 == "none" ? nil : $0.split(separator: ",").map(String.init) }
        let addresses: [String]?? = try ip.map { try $0 == "none" ? nil : keyAddresses($0) }
        let (rpm, burst) = (try Self.figure(rpm, "--rpm"), try Self.figure(burst, "--burst"))
        return { terms in
            if let rights { terms.rights = rights }
            if let models { terms.models = models }
            if let addresses { terms.addresses = addresses }
            if let rpm { terms.requestsPerMinute = rpm }
            if let burst { terms.burst = burst }
        }
    }

    private static func figure(_ text: String?, _ option: String) throws -> Int?? {
        guard let text else { return .none }
        if text == "none" { return .some(nil) }
        guard let number = Int(text), (1...10_000_000).contains(number) else {
            throw CommandError("\(option) must be 1 to 10000000, or none, not \(text)")
        }
        return number
    }
}

struct KeyRotate: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Makes a key with the same rights and limits that takes the place of another, which works for a while yet.")

    @Argument(help: "The key's number, from `zadmin key list`.") var key: Int64
    @Option(help: "How long the old one still works: a number with s, m, h or d, such as 24h; 0s is not at all.")
    var overlap = "24h"
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let seconds = try Self.seconds(overlap)
        let secret = try await office.secret()
        let made = ShownKey()
        let id = key
        let result = try await change.run("key rotate", target: String(id), arguments: [String(seconds)], in: office) {
            guard let new = try await KeyIssuer(secret: secret).rotate(id, overlapSeconds: seconds, in: $0) else {
                throw try await Self.refusal(id, KeyIssuer.list(id: id, in: $0).first)
            }
            // The cap on credits is the key's own too; the new key begins its windows empty.
            if let quota = try await Quotas().plan(.key, String(id), in: $0) {
                try await Quotas().set(quota, .key, String(new.id), in: $0)
            }
            await made.set(new)
            let old = try await KeyIssuer.list(id: id, in: $0).first
            return .object([
                ("id", .int(new.id)), ("rotated", .int(id)),
                ("old_expires_at", .optional(old?.expiresAt.map(Output.timeText))),
            ])
        }
        await change.show(made, result, []) { "The key \($0) takes the place of \(id), which still works for \(overlap)." }
    }

    private static func refusal(_ id: Int64, _ key: KeyListing?) -> CommandError {
        guard let key else { return unknownKey(id) }
        if let new = key.rotatedTo { return CommandError("the key \(id) was rotated before: rotate the key \(new)") }
        return CommandError("the key \(id) does not work any more: issue another with `zadmin key issue`")
    }

    private static func seconds(_ text: String) throws -> Int64 {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let number = Int64(text.dropLast()), (0...100_000).contains(number),
            number * unit <= 366 * 86_400
        else { throw CommandError("--overlap must be at most a year, such as 30m, 24h or 7d, not '\(text)'") }
        return number * unit
    }
}
