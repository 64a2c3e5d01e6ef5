import API
import ArgumentParser
import Callbacks
import Domain
import Foundation

struct CallbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "callback", abstract: "Calls that tell customers the end of their jobs.",
        subcommands: [CallbackList.self, CallbackShow.self, CallbackRedeliver.self, CallbackSecretCommand.self])
}

/// Reads a callback's number as `callback list` shows it, or the customer's `webhook-id`.
private func parseCallback(_ text: String) throws -> Int64 {
    let digits = text.hasPrefix("callback-") ? text.dropFirst("callback-".count) : text[...]
    guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let id = Int64(digits) else {
        throw CommandError("'\(text)' is no callback: give its number from `zadmin callback list`, or its webhook-id")
    }
    return id
}

private func unknownCallback(_ id: Int64) -> CommandError {
    CommandError("there is no callback \(id): see `zadmin callback list`")
}

struct CallbackList: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Shows the newest callbacks.")

    @Option(help: "Only of this account.") var account: String?
    @Option(help: "Only that of this task.") var task: String?
    @Option(help: "waiting, due (waiting, and its next try is due), delivered or given_up.") var state: String?
    @Option(parsing: .unconditional, help: "How many at most.") var limit = 50
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        guard (1...1000).contains(limit) else { throw CommandError("--limit is 1 to 1000, not \(limit)") }
        let filter = try state.map { text in
            guard let filter = CallbackFilter(rawValue: text) else {
                let words = CallbackFilter.allCases.map(\.rawValue).joined(separator: ", ")
                throw CommandError("--state is one of \(words), not '\(text)'")
            }
            return filter
        }
        let names = try Dialects(office)
        let callbacks = try await found(filter, names, in: office)
        if output.json { return Output.write(JSON.array(callbacks.map { .object($0.members(names)) }).text) }
        var table = Table(
            ("CALLBACK", .right), ("ACCOUNT", .left), ("TASK", .left), ("STATE", .left), ("TRIES", .right), ("LAST", .left),
            ("NEXT TRY", .left), ("URL", .left))
        for callback in callbacks {
            table.add(
                String(callback.id), callback.account, names.idText(callback.taskID, callback.taskCreatedAt), callback.state,
                String(callback.attempts), callback.last, Output.time(callback.nextTryAt), callback.url)
        }
        Output.write(table.text)
    }

    private func found(_ filter: CallbackFilter?, _ names: Dialects, in office: Office) async throws -> [CallbackListing] {
        guard let task else {
            if let account { try await requireAccount(account, in: office) }
            return try await CallbackBook().list(account: account, filter: filter, limit: limit, in: office.pool)
        }
        guard account == nil, filter == nil else {
            throw CommandError("--task names one callback: leave out --account and --state")
        }
        guard let id = names.id(task), let callback = try await CallbackBook().callback(of: id, in: office.pool),
            names.isID(task, of: id, callback.taskCreatedAt)
        else { throw CommandError("there is no callback of a task '\(task)': it has none, has not ended, or is not there") }
        return [callback]
    }
}

struct CallbackShow: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows one callback and its tries of the last 30 days.")

    @Argument(help: "Its number, or the webhook-id that the customer got.") var id: String
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let number = try parseCallback(id)
        guard let callback = try await CallbackBook().callback(number, in: office.pool) else { throw unknownCallback(number) }
        let deliveries = try await CallbackBook().deliveries(of: number, in: office.pool)
        let names = try Dialects(office)
        if output.json {
            let members = callback.members(names) + [("deliveries", .array(deliveries.map(\.json)))]
            return Output.write(JSON.object(members).text)
        }
        var fields = Table(("FIELD", .left), ("VALUE", .left))
        fields.add("callback", "\(number) (webhook-id callback-\(number))")
        fields.add("account", callback.account)
        fields.add("task", names.idText(callback.taskID, callback.taskCreatedAt))
        fields.add("url", callback.url)
        fields.add("state", "\(callback.state) after \(callback.attempts) tries")
        fields.add("next try", Output.time(callback.nextTryAt))
        fields.add("delivered", Output.time(callback.deliveredAt))
        var tries = Table(("TRY", .right), ("ENDED", .left), ("STATUS", .right), ("ERROR", .left), ("MS", .right))
        for delivery in deliveries {
            tries.add(
                String(delivery.number), Output.time(delivery.at), Output.optional(delivery.status), delivery.error ?? "-",
                String(delivery.milliseconds))
        }
        Output.write("\(fields.text)\n\n\(tries.text)")
    }
}

struct CallbackRedeliver: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "redeliver",
        abstract: "Sends a callback again now, whatever became of it, under the same webhook-id and with all its tries.")

    @Argument(help: "Its number, or the webhook-id that the customer got.") var id: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let number = try parseCallback(id)
        let result = try await change.run("callback redeliver", target: String(number), arguments: [], in: office) {
            guard try await CallbackBook().redeliver(number, in: $0) else { throw unknownCallback(number) }
            return .object([("id", .int(number)), ("state", .string("waiting"))])
        }
        change.print(result, "The callback \(number) is due now: see `zadmin callback show \(number)`.")
    }
}

extension CallbackListing {
    fileprivate var nextTryAt: Date? { state == "waiting" ? nextAt : nil }

    fileprivate var last: String {
        [lastStatus.map(String.init), lastError].compactMap(\.self).joined(separator: " ")
    }

    fileprivate func members(_ names: Dialects) -> [(String, JSON)] {
        [
            ("id", .int(id)), ("account", .string(account)), ("task", .string(names.idText(taskID, taskCreatedAt))),
            ("url", .string(url)), ("state", .string(state)), ("attempts", .int(Int64(attempts))),
            ("next_try_at", .optional(nextTryAt.map(Output.timeText))),
            ("last_status", lastStatus.map { .int(Int64($0)) } ?? .null), ("last_error", .optional(lastError)),
            ("created_at", .string(Output.timeText(createdAt))),
            ("delivered_at", .optional(deliveredAt.map(Output.timeText))),
        ]
    }
}

extension DeliveryListing {
    fileprivate var json: JSON {
        .object([
            ("number", .int(Int64(number))), ("at", .string(Output.timeText(at))),
            ("status", status.map { .int(Int64($0)) } ?? .null), ("error", .optional(error)),
            ("duration_ms", .int(Int64(milliseconds))),
        ])
    }
}
