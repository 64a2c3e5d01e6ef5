import ArgumentParser
import Domain
import Foundation
import Keys
import Ledger
import Moderation

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "API keys.",
        subcommands: [KeyIssue.self, KeyUpdate.self, KeyRotate.self, KeyList.self, KeyRevoke.self])
}

struct KeyIssue: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "issue", abstract: "Makes a key and shows it, this once.")

    @Option(help: "The account that it belongs to.") var account: String
    @Option(help: "What people call it.") var name = "key"
    @Flag(help: "A test key: its jobs use the sandbox and test credits only.") var test = false
    @Option(help: "The date on which it stops working, such as 2026-12-31.") var expires: String?
    @Option(parsing: .unconditional, help: "Requests per minute of its own.") var rpm: Int?
    @Option(parsing: .unconditional, help: "Requests at once of its own.") var burst: Int?
    @Option(help: "Models that it may use, with commas between.") var models: String?
    @Option(help: "What it may do: generate, read and admin, with commas between.") var scopes = KeyRight.text(KeyRight.usual)
    @Option(help: "Where it may be used from: addresses and blocks such as 203.0.113.7,10.1.0.0/16.") var ip: String?
    @Option(parsing: .unconditional, help: "Credits of a day that it may use; see `zadmin quota`.") var dailyCredits: String?
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let plan = try plan()
        let daily = try dailyCredits.map { try Credits(decimal: $0) }
        let secret = try await office.secret()
        let issued = ShownKey()
        let arguments = arguments(plan)
        let result = try await change.run("key issue", target: account, arguments: arguments, in: office) {
            guard let key = try await KeyIssuer(secret: secret).issue(plan, in: $0) else {
                throw unknownAccount(plan.account)
            }
            if let daily {
                _ = try await setQuota(
                    .key, String(key.id), daily: .credits(daily), monthly: .unchanged, timeZone: nil, in: $0)
            }
            await issued.set(key)
            return .object([("id", .int(key.id)), ("account", .string(plan.account)), ("mode", .string(plan.mode.rawValue))])
        }
        await change.show(issued, result, [("name", .string(name))]) { "Issued the key \($0) for \(account)." }
    }

    /// What is at its usual adds nothing, so that a command of before these options is still the same.
    private func arguments(_ plan: KeyPlan) -> [String] {
        var arguments: [String] = [name, String(test), expires ?? ""]
        arguments += [rpm.map(String.init) ?? "", burst.map(String.init) ?? "", models ?? ""]
        if let dailyCredits { arguments.append(dailyCredits) }
        if let ip { arguments += ["ip", ip] }
        if plan.rights != KeyRight.usual { arguments += ["scopes", KeyRight.text(plan.rights)] }
        return arguments
    }

    private func plan() throws -> KeyPlan {
        guard (1...100).contains(name.count) else { throw CommandError("--name is 1 to 100 characters") }
        for (option, value) in [("--rpm", rpm), ("--burst", burst)] {
            if let value, !(1...10_000_000).contains(value) { throw CommandError("\(option) must be 1 to 10000000, not \(value)") }
        }
        var plan = KeyPlan(account: account, mode: test ? .test : .live, name: name)
        plan.expiresAt = try expires.map(parseDate)
        if let date = plan.expiresAt, date < Date() { throw CommandError("--expires lies in the past") }
        plan.requestsPerMinute = rpm
        plan.burst = burst
        plan.models = models?.split(separator: ",").map(String.init)
        plan.rights = try keyRights(scopes)
        plan.addresses = try ip.map(keyAddresses)
        return plan
    }
}

/// Carries a new key out of the transaction, which may run twice: the last one is the one that was committed.
actor ShownKey {
    var key: IssuedKey?
    func set(_ key: IssuedKey) { self.key = key }
}

extension ChangeOptions {
    /// Shows a new key. A repeated command cannot show it again: its text is stored nowhere.
    func show(_ made: ShownKey, _ result: AuditedResult, _ members: [(String, JSON)], _ sentence: (Int64) -> String) async {
        let key = result.replayed ? nil : await made.key
        if json {
            let shown = JSON.object([("key", .optional(key?.text))] + members).text.dropFirst()
            Output.write("\(result.text.dropLast()),\(shown)")
        } else if let key {
            Output.write("\(sentence(key.id)) It is shown only now:\n\(key.text)")
        } else {
            Output.write("Done before under this idempotency key; a key is shown only once. Issue another if it is lost.")
        }
    }
}

func keyRights(_ text: String) throws -> Set<KeyRight> {
    guard let rights = KeyRight.list(text) else {
        throw CommandError("--scopes must be of \(KeyRight.allCases.map(\.rawValue).joined(separator: ", ")), not '\(text)'")
    }
    return rights
}

func keyAddresses(_ text: String) throws -> [String] {
    do throws(AddressListError) {
        guard try !AddressList(text).blocks.isEmpty else { throw AddressListError.malformed(entry: text) }
    } catch { throw CommandError("--ip: \(error)") }
    return text.split(separator: ",").map { $0.filter { $0 != " " } }
}

struct KeyList: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Shows keys, never their texts.")

    @Option(help: "Only of this account.") var account: String?
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        if let account { try await requireAccount(account, in: office) }
        let keys = try await KeyIssuer.list(account: account, in: office.pool)
        let refused = try await Refusals.today(in: office.pool)
        if output.json { return Output.write(JSON.array(keys.map { $0.json(refusedToday: refused[$0.id] ?? 0) }).text) }
        var table = Table(
            ("KEY", .right), ("ACCOUNT", .left), ("MODE", .left), ("NAME", .left), ("ENDS IN", .left), ("SCOPES", .left),
            ("RPM", .right), ("STATE", .left), ("SINCE", .left), ("LAST USED", .left),
            ("REFUSED TODAY", .right))
        for key in keys {
            table.add(
                String(key.id), key.account, key.mode, key.name, key.hint, KeyRight.text(key.terms.rights),
                Output.optional(key.terms.requestsPerMinute), key.state, Output.time(key.createdAt),
                key.lastUsedAt.map(Output.time) ?? "never", String(refused[key.id] ?? 0))
        }
        Output.write(table.text)
    }
}

struct KeyRevoke: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Withdraws a key for good; it stops on every node within 2 seconds.")

    @Argument(help: "The key's number, from `zadmin key list`.") var key: Int64
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let id = key
        let result = try await change.run("key revoke", target: String(id), arguments: [], in: office) {
            guard try await KeyIssuer.revoke(id, in: $0) else {
                throw CommandError("there is no key \(id): see `zadmin key list`")
            }
            return .object([("id", .int(id)), ("revoked", .bool(true))])
        }
        change.print(result, "Revoked the key \(id).")
    }
}

extension KeyListing {
    fileprivate var state: String {
        if revokedAt != nil { return "revoked" }
        if let expiresAt { return expiresAt <= Date() ? "expired" : "until \(Output.time(expiresAt))" }
        return "active"
    }

    fileprivate func json(refusedToday: Int64) -> JSON {
        .object([
            ("id", .int(id)), ("account", .string(account)), ("mode", .string(mode)), ("name", .string(name)),
            ("hint", .string(hint)),
        ] + terms.json + [
            ("created_at", .string(Output.timeText(createdAt))),
            ("expires_at", .optional(expiresAt.map(Output.timeText))),
            ("revoked_at", .optional(revokedAt.map(Output.timeText))),
            ("last_used_at", .optional(lastUsedAt.map(Output.timeText))),
            ("rotated_to", rotatedTo.map(JSON.int) ?? .null),
            ("refused_today", .int(refusedToday)),
        ])
    }
}

extension KeyTerms {
    var json: [(String, JSON)] {
        func words(_ words: [String]?) -> JSON { words.map { .array($0.map(JSON.string)) } ?? .null }
        func number(_ value: Int?) -> JSON { value.map { .int(Int64($0)) } ?? .null }
        return [
            ("scopes", words(KeyRight.allCases.filter(rights.contains).map(\.rawValue))), ("models", words(models)),
            ("ips", words(addresses)), ("rpm", number(requestsPerMinute)), ("burst", number(burst)),
        ]
    }
}
