import Domain
import Ledger

/// What the lines of a statement are called.
enum StatementWords {
    /// A kind of entry, for people. A kind that is not here is shown as the ledger calls it.
    static func title(_ kind: String) -> String {
        let known = [
            "grant": "Credits granted", "reserve": "Set aside for new jobs", "settle": "Completed jobs",
            "remainder": "Not used by completed jobs, returned", "refund": "Failed or cancelled jobs, returned",
            "expire": "Credits expired",
        ]
        return known[kind] ?? kind.replacing("_", with: " ").capitalizedFirst
    }

    /// A change with its sign, so that nobody has to guess what is added and what is taken.
    static func signed(_ credits: Credits) -> String { credits > .zero ? "+\(credits)" : credits.description }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}

extension MonthlyStatement {
    /// The line below the title.
    var subtitle: String { "\(mode == .test ? "test" : "live") credits of \(account), group \(group)" }
    /// What the last balance is of.
    var closingTitle: String { isFinal ? "Closing balance" : "Balance so far, \(Output.time(madeAt))" }
    /// All jobs that were settled.
    var useCount: Int64 { uses.reduce(0) { $0 + $1.count } }
    /// What they cost.
    var useTotal: Credits { Credits(micro: uses.reduce(0) { $0 + $1.settled.micro }) }

    /// For people.
    var text: String {
        var table = Table(("", .left), ("COUNT", .right), ("AVAILABLE", .right), ("RESERVED", .right), ("BALANCE", .right))
        func add(_ title: String, _ balance: StatementBalance) {
            table.add(title, "", balance.available.description, balance.reserved.description, balance.total.description)
        }
        add("Opening balance", opening)
        for movement in movements {
            table.add(
                StatementWords.title(movement.kind), String(movement.count), StatementWords.signed(movement.change.available),
                StatementWords.signed(movement.change.reserved), StatementWords.signed(movement.change.total))
        }
        add(closingTitle, closing)
        let head = "Statement for \(month.title) (UTC): \(subtitle)"
        if uses.isEmpty { return [head, table.text].joined(separator: "\n\n") }
        var days = Table(("DAY", .left), ("MODEL", .left), ("JOBS", .right), ("CREDITS", .right))
        for use in uses { days.add(use.day, use.model, String(use.count), use.settled.description) }
        days.add("total", "", String(useCount), useTotal.description)
        return [head, table.text, "Completed jobs by day and model:", days.text].joined(separator: "\n\n")
    }

    /// For spreadsheets. The settled jobs stand day by day in place of their movement, so that the lines between opening
    /// and closing balance add up to the difference.
    var csv: String {
        func line(
            _ row: String, _ kind: String, _ use: StatementUse?, _ count: Int64?, _ balance: StatementBalance
        ) -> CSVLine {
            CSVLine([
                row, kind, use?.day ?? "", use?.model ?? "", count.map { String($0) } ?? "", balance.available.description,
                balance.reserved.description, balance.total.description,
            ])
        }
        var lines = [CSVLine(["row", "kind", "day", "model", "count", "available", "reserved", "balance"])]
        lines.append(line("opening", "", nil, nil, opening))
        for movement in movements where movement.kind != "settle" {
            lines.append(line("movement", movement.kind, nil, movement.count, movement.change))
        }
        for use in uses {
            let change = StatementBalance(available: .zero, reserved: Credits(micro: -use.settled.micro))
            lines.append(line("movement", "settle", use, use.count, change))
        }
        lines.append(line("closing", "", nil, nil, closing))
        return lines.map(\.text).joined(separator: "\n")
    }

    /// For programs.
    var json: JSON {
        func balance(_ balance: StatementBalance) -> JSON {
            .object([
                ("available", .string(balance.available.description)), ("reserved", .string(balance.reserved.description)),
                ("balance", .string(balance.total.description)),
            ])
        }
        func movement(_ movement: StatementMovement, _ change: JSON) -> JSON {
            .object([("kind", .string(movement.kind)), ("count", .int(movement.count)), ("change", change)])
        }
        return .object([
            ("account", .string(account)), ("group", .string(group)), ("mode", .string(mode.rawValue)),
            ("month", .string(month.description)), ("from", .string(Output.timeText(month.from))),
            ("to", .string(Output.timeText(month.to))), ("made_at", .string(Output.timeText(madeAt))),
            ("final", .bool(isFinal)), ("opening", balance(opening)),
            ("movements", .array(movements.map { movement($0, balance($0.change)) })),
            ("closing", balance(closing)),
            ("settled", .array(uses.map(\.json))),
            ("settled_count", .int(useCount)), ("settled_credits", .string(useTotal.description)),
        ])
    }
}

extension StatementUse {
    fileprivate var json: JSON {
        .object([
            ("day", .string(day)), ("model", .string(model)), ("count", .int(count)),
            ("credits", .string(settled.description)),
        ])
    }
}
