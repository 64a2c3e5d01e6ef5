import Domain
public import Foundation

/// Where an invoice has one of the things that it tells.
public enum InvoiceColumn: Sendable, Equatable {
    /// Nowhere.
    case none
    /// In the column of exactly this name.
    case named(String)
    /// In the column with one of these names, in any case; what must be there must be there once.
    case usual([String])
}

/// How a provider's invoice is to be read: which column says what, and what its numbers and times mean.
public struct InvoiceFormat: Sendable, Equatable {
    /// The provider's id of the task.
    public var idColumn: InvoiceColumn
    /// What the line costs.
    public var amountColumn: InvoiceColumn
    /// The currency; nowhere: every line is in ``currency``.
    public var currencyColumn: InvoiceColumn
    /// The time; nowhere: lines are not checked against the period.
    public var timeColumn: InvoiceColumn
    /// Whether the line is billed; nowhere: every line is.
    public var statusColumn: InvoiceColumn
    /// The words of that column that are billed. A line with another word may be left out of the comparison, but only
    /// where it costs nothing.
    public var billedStatuses: [String]
    /// Three capital letters: what the invoice should be in; nil: whatever its lines say.
    public var currency: String?
    /// How many units of the amount column make one of the currency: 1 for decimals, 10,000 for ten-thousandths.
    public var unitsPerCurrency: Int
    /// The zone of times and dates that name none.
    public var timeZone: TimeZone
    /// A line may differ from the expected cost as far as rounding half up to this many decimals of the currency goes.
    public var roundingDecimals: Int

    /// A file whose columns have usual names: decimals, times in UTC, exact to the millionth.
    public static let plain = InvoiceFormat(
        idColumn: .usual(["id", "task_id", "provider_task_id", "provider_task", "request_id", "job_id", "prediction_id"]),
        amountColumn: .usual(["amount", "cost", "price", "charge", "total"]), currencyColumn: .usual(["currency"]),
        timeColumn: .usual(["time", "created_at", "timestamp", "date", "billed_at", "completed_at", "ended_at"]),
        statusColumn: .none, billedStatuses: [], currency: nil, unitsPerCurrency: 1, timeZone: .gmt, roundingDecimals: 6)

    /// The powers of ten that ``unitsPerCurrency`` may be.
    public static let units = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]
    /// The decimals that a line may be rounded to; costs here are exact to the sixth.
    public static let decimals = 0...6
}

/// Which kind of provider an invoice comes from.
///
/// No provider documents the columns of an invoice. These are guesses from the words of their APIs, as good as we have:
/// names of fields, status words, units of the balance. Each can be overridden column by column.
public enum InvoiceKind: String, Sendable, CaseIterable {
    case novita, highway, unified, zimageturbo
    case openAIImages = "openai-images"

    /// The guess.
    public var format: InvoiceFormat {
        var format = InvoiceFormat.plain
        (format.amountColumn, format.timeColumn) = (.named("amount"), .named("created_at"))
        switch self {
        // The balance of Novita's API is in ten-thousandths of a dollar; HighwayAPI is of the same family.
        case .novita, .highway:
            format.idColumn = .named("task_id")
            format.unitsPerCurrency = 10_000
            format.roundingDecimals = 4
            (format.currencyColumn, format.currency) = (.none, "USD")
            (format.statusColumn, format.billedStatuses) = (.named("status"), ["TASK_STATUS_SUCCEED"])
        // Tasks have `usage.cost.usd` and `status`.
        case .unified:
            (format.idColumn, format.amountColumn) = (.named("id"), .named("usd"))
            (format.currencyColumn, format.currency) = (.none, "USD")
            (format.statusColumn, format.billedStatuses) = (.named("status"), ["completed"])
        // Times without a zone; a price per request in dollars; failed tasks are free.
        case .zimageturbo:
            format.idColumn = .named("task_id")
            (format.currencyColumn, format.currency) = (.none, "USD")
            (format.statusColumn, format.billedStatuses) = (.named("status"), ["SUCCESS"])
        // Answers carry the header `x-request-id`; its cost reports write currencies in lower case.
        case .openAIImages:
            (format.idColumn, format.currencyColumn) = (.named("request_id"), .named("currency"))
        }
        return format
    }
}

/// What is wrong with the description of an invoice; the text says what to write instead.
public struct InvoiceFormatError: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}

extension InvoiceFormat {
    /// Overrides columns: `id=task_id,amount=cost,currency=,time=created_at,status=state`. An empty name means that the
    /// invoice has no such column.
    public mutating func map(_ text: String) throws(InvoiceFormatError) {
        var seen: Set<Substring> = []
        for pair in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw InvoiceFormatError("--map is FIELD=COLUMN,FIELD=COLUMN, such as id=task_id,amount=cost, not '\(text)'")
            }
            guard seen.insert(parts[0]).inserted else { throw InvoiceFormatError("--map names the field '\(parts[0])' twice") }
            try map(field: parts[0], to: String(parts[1]))
        }
    }

    private mutating func map(field: Substring, to name: String) throws(InvoiceFormatError) {
        let column = name.isEmpty ? InvoiceColumn.none : .named(name)
        switch field {
        case "id": idColumn = column
        case "amount": amountColumn = column
        case "currency": currencyColumn = column
        case "time": timeColumn = column
        case "status": statusColumn = column
        default: throw InvoiceFormatError("--map knows the fields id, amount, currency, time and status, not '\(field)'")
        }
        guard idColumn != .none, amountColumn != .none else {
            throw InvoiceFormatError("--map must name a column for '\(field)': nothing can be compared without it")
        }
    }

    /// Checks what its parts say together.
    public func checked() throws(InvoiceFormatError) -> InvoiceFormat {
        if let currency, currency.wholeMatch(of: /[A-Z]{3}/) == nil {
            throw InvoiceFormatError("'\(currency)' is not a currency: write three capital letters, such as USD")
        }
        guard currencyColumn != .none || currency != nil else {
            throw InvoiceFormatError("the invoice has no column for the currency: say which one it is with --currency USD")
        }
        guard Self.units.contains(unitsPerCurrency) else {
            throw InvoiceFormatError("--units is 1, 10, 100, ... or 1000000 units to the currency, not \(unitsPerCurrency)")
        }
        guard Self.decimals.contains(roundingDecimals) else {
            throw InvoiceFormatError("--rounding is 0 to 6 decimals, not \(roundingDecimals)")
        }
        if let name = statusColumn.name, billedStatuses.isEmpty {
            throw InvoiceFormatError("say which words of the column '\(name)' are billed with --billed-status")
        }
        return self
    }

    /// For the record: how a kept result was read.
    var json: JSON {
        .object([
            ("id", .optional(idColumn.name)), ("amount", .optional(amountColumn.name)),
            ("currency", .optional(currencyColumn.name)), ("time", .optional(timeColumn.name)),
            ("status", .optional(statusColumn.name)),
            ("billed_statuses", .array(statusColumn == .none ? [] : billedStatuses.map(JSON.string))),
            ("expected_currency", .optional(currency)), ("units", .int(Int64(unitsPerCurrency))),
            ("time_zone", .string(timeZone.identifier)), ("rounding", .int(Int64(roundingDecimals))),
        ])
    }
}

extension InvoiceColumn {
    /// The name, once it is known.
    var name: String? {
        if case .named(let name) = self { name } else { nil }
    }
}
