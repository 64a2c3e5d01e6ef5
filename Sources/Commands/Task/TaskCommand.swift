import API
import ArgumentParser
import Domain
import Providers
import Queue
import Reports

struct TaskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "task", abstract: "Customers' jobs.",
        subcommands: [TaskShow.self, TaskList.self, TaskCancel.self, TaskRetry.self])
}

struct TaskShow: OfficeCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows one task.")

    @Argument(help: "The id that the customer has.") var id: String
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let names = try Dialects(office)
        guard let number = names.id(id), let task = try await ReportBook().task(number, in: office.pool),
            names.isID(id, of: task.id, task.createdAt)
        else { throw CommandError("there is no task '\(id)': see `zadmin task list`") }
        let attempts = try await ReportBook().attempts(of: task.id, in: office.pool)
        let submits = try await SubmitBook().submits(of: task.id, in: office.pool)
        if output.json {
            return Output.write(
                task.json(names, [
                    ("attempts", .array(attempts.map(\.json))), ("provider_submits", .array(submits.map(\.json))),
                ]).text)
        }
        var table = Table(("FIELD", .left), ("VALUE", .left))
        table.add("id", id)
        table.add("account", "\(task.account) (\(task.mode))")
        table.add("model", task.model)
        table.add("state", "\(task.state.rawValue), \(task.progress) %")
        table.add("credits", "reserved \(task.reserved), settled \(task.settled?.description ?? "-") (\(task.rule.rawValue))")
        table.add("submitted", Output.time(task.createdAt))
        table.add("started", Output.time(task.startedAt))
        table.add("finished", Output.time(task.finishedAt))
        if let code = task.errorCode { table.add("error", "\(code): \(task.errorMessage ?? "")") }
        if let images = task.imagesText { table.add("images", images) }
        if let url = task.callbackURL { table.add("callback", url) }
        Output.write(table.text)
        tell(attempts)
        tell(submits)
    }

    private func tell(_ attempts: [AttemptView]) {
        guard !attempts.isEmpty else { return }
        var table = Table(
            ("ATTEMPT", .right), ("NODE", .left), ("PROVIDER", .left), ("OUTCOME", .left), ("STARTED", .left), ("ENDED", .left))
        for attempt in attempts {
            table.add(
                "\(attempt.number)", attempt.node, attempt.provider ?? "-", attempt.outcome, Output.time(attempt.startedAt),
                Output.time(attempt.endedAt))
        }
        Output.write("\n" + table.text)
    }

    private func tell(_ submits: [StoredSubmit]) {
        guard !submits.isEmpty else { return }
        var table = Table(
            ("PICTURE", .right), ("SUBMITTED TO", .left), ("AT", .left), ("STATE", .left), ("ITS ID", .left), ("COST", .right),
            ("WHY", .left))
        for submit in submits {
            table.add(
                "\(submit.picture + 1)", submit.provider, Output.time(submit.madeAt), submit.state.rawValue,
                submit.providerTaskID ?? "-", submit.bill, [submit.fault, submit.message].compactMap(\.self).joined(separator: ": "))
        }
        Output.write("\n" + table.text)
    }
}

extension StoredSubmit {
    /// What is billed or may be; nothing for one that was refused.
    fileprivate var bill: String {
        guard state != .refused, let cost else { return "-" }
        let may = state == .made ? "" : " at most"
        return "\(cost.amount) \(cost.currency)\(may)"
    }

    fileprivate var json: JSON {
        .object([
            ("picture", .int(Int64(picture + 1))), ("provider", .string(provider)), ("state", .string(state.rawValue)),
            ("provider_task_id", .optional(providerTaskID)), ("cost", .optional(cost?.amount)),
            ("currency", .optional(cost?.currency)), ("fault", .optional(fault)), ("message", .optional(message)),
            ("node", .string(node)), ("submitted_at", .string(Output.timeText(madeAt))),
            ("ended_at", .optional(endedAt.map(Output.timeText))),
        ])
    }
}

extension AttemptView {
    fileprivate var json: JSON {
        .object([
            ("number", .int(Int64(number))), ("node", .string(node)), ("provider", .optional(provider)),
            ("outcome", .string(outcome)), ("started_at", .string(Output.timeText(startedAt))),
            ("ended_at", .optional(endedAt.map(Output.timeText))),
        ])
    }
}

struct TaskCancel: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Withdraws a task that waits or runs, and refunds its credits.")

    @Argument(help: "The id that the customer has.") var id: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let (id, number) = (id, try Dialects(office).id(id))
        let unknown = CommandError("there is no task '\(id)': see `zadmin task list`")
        guard let number else { throw unknown }
        // The leases' length does not matter here.
        let queue = TaskQueue(leaseSeconds: office.settings.leaseSeconds)
        let result = try await change.run("task cancel", target: id, arguments: [], in: office) {
            switch try await queue.cancel([number], walletID: nil, alsoRunning: true, in: $0)[number] {
            case .cancelled: return .object([("id", .string(id)), ("status", .string("cancelled"))])
            case .final, .running: throw CommandError("the task has ended before: see `zadmin task show \(id)`")
            case .unknown, nil: throw unknown
            }
        }
        change.print(result, "Cancelled the task \(id); its credits are refunded.")
    }
}

struct TaskRetry: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Gives a task back to the queue now, from a node that is stuck or from its wait for a provider.",
        discussion: """
            The next attempt goes on with what was submitted to a provider: nothing is paid twice. A task that has ended stays \
            so, because its credits are settled or refunded.
            """)

    @Argument(help: "The id that the customer has.") var id: String
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let id = id
        let number = try Dialects(office).id(id)
        let queue = TaskQueue(leaseSeconds: office.settings.leaseSeconds)
        let result = try await change.run("task retry", target: id, arguments: [], in: office) {
            guard let number, let task = try await ReportBook().task(number, in: $0) else {
                throw CommandError("there is no task '\(id)': see `zadmin task list`")
            }
            guard !task.state.isFinal else {
                throw CommandError(
                    "the task is \(task.state.rawValue) and stays so, the customer submits it again: see `zadmin task show \(id)`")
            }
            try await queue.takeBack(number, in: $0)
            return .object([("id", .string(id)), ("status", .string("pending"))])
        }
        // A hint that is lost only costs the nodes' next look.
        try? await queue.hint(in: office.pool)
        change.print(result, "The task \(id) waits for the next free worker.")
    }
}

struct TaskList: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Shows the newest tasks, at most 200.")

    @Option(help: "Only of this account.") var account: String?
    @Option(help: "pending, processing, completed, failed or cancelled.") var state: String?
    @OptionGroup var output: OutputOptions

    func run(in office: Office) async throws {
        let state = try state.map { text in
            guard let state = TaskState(rawValue: text) else {
                throw CommandError("--state is one of \(TaskState.allCases.map(\.rawValue).joined(separator: ", ")), not '\(text)'")
            }
            return state
        }
        if let account { try await requireAccount(account, in: office) }
        let names = try Dialects(office)
        let tasks = try await ReportBook().tasks(account: account, state: state, in: office.pool)
        if output.json { return Output.write(JSON.array(tasks.map { $0.json(names) }).text) }
        var table = Table(
            ("TASK", .left), ("ACCOUNT", .left), ("MODE", .left), ("MODEL", .left), ("STATE", .left),
            ("RESERVED", .right), ("SETTLED", .right), ("SUBMITTED", .left))
        for task in tasks {
            table.add(
                names.idText(task.id, task.createdAt), task.account, task.mode, task.model, task.state.rawValue,
                task.reserved.description, task.settled?.description ?? "-", Output.time(task.createdAt))
        }
        Output.write(table.text)
    }
}

extension TaskView {
    fileprivate func json(_ names: Dialects, _ more: [(String, JSON)] = []) -> JSON {
        .object([
            ("id", .string(names.idText(id, createdAt))), ("account", .string(account)), ("mode", .string(mode)),
            ("group", .string(userGroup)), ("model", .string(model)), ("status", .string(state.rawValue)),
            ("progress", .int(Int64(progress))), ("billing_rule", .string(rule.rawValue)),
            ("credits_reserved", .string(reserved.description)), ("credits_settled", .optional(settled?.description)),
            ("created_at", .string(Output.timeText(createdAt))), ("started_at", .optional(startedAt.map(Output.timeText))),
            ("finished_at", .optional(finishedAt.map(Output.timeText))), ("error_code", .optional(errorCode)),
            ("error_message", .optional(errorMessage)), ("callback_url", .optional(callbackURL)),
            ("images", imagesText.map(JSON.raw) ?? .array([])),
        ] + more)
    }
}
