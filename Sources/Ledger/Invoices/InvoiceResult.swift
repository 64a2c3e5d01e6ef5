public import Foundation

/// What can be off between an invoice and what was done. The words are the database's.
public enum InvoiceFindingKind: String, Sendable, CaseIterable {
    /// A line whose id no attempt of the time has.
    case billedUnknown = "billed_unknown"
    /// An attempt whose id no line has.
    case notBilled = "not_billed"
    /// The same id, another amount.
    case priceDrift = "price_drift"
    /// An id that was on an earlier line already.
    case duplicate
    /// A line in another currency than expected.
    case otherCurrency = "other_currency"
    /// A line whose time lies outside the period.
    case otherPeriod = "other_period"

    /// For people.
    public var meaning: String {
        switch self {
        case .billedUnknown: "billed but unknown here"
        case .notBilled: "done here but not billed"
        case .priceDrift: "another price than expected"
        case .duplicate: "billed before on the same invoice"
        case .otherCurrency: "in another currency than expected"
        case .otherPeriod: "of another time than the period"
        }
    }
}

/// A comparison of one invoice, as it is kept.
public struct InvoiceRun: Sendable, Equatable {
    /// Its number.
    public let id: Int64
    /// Whose invoice it is.
    public let provider: String
    /// The first moment of the period.
    public let from: Date
    /// The first moment after it.
    public let to: Date
    /// SHA-256 of the file, in hexadecimal digits.
    public let digest: String
    /// The file's name.
    public let file: String
    /// How it was read, as JSON text.
    public let formatText: String
    /// Lines that were compared.
    public let lines: Int64
    /// Lines that say that nothing is billed.
    public let skipped: Int64
    /// When it was compared first.
    public let firstComparedAt: Date
    /// When it was compared last; the findings are from then.
    public let comparedAt: Date
    /// How often it was compared.
    public let timesCompared: Int
}

/// Lines or attempts that ended alike, with the money in them in millionths.
public struct InvoiceSum: Sendable, Equatable {
    /// What is off; nil: nothing.
    public let kind: InvoiceFindingKind?
    /// The currency of what was billed.
    public let currency: String
    /// The currency of what was expected.
    public let expectedCurrency: String
    /// How many there are.
    public let found: Int64
    /// What they bill.
    public let billed: Int64
    /// What was expected of them.
    public let expected: Int64
}

/// One thing that is off. Amounts in millionths.
public struct InvoiceFinding: Sendable, Equatable {
    /// What is off.
    public let kind: InvoiceFindingKind
    /// The line of the file; nil where there is none.
    public let line: Int64?
    /// The provider's id of the task.
    public let providerTaskID: String?
    /// What the line bills; 0 without a line.
    public let billed: Int64
    /// The line's currency.
    public let currency: String
    /// The line's time.
    public let billedAt: Date?
    /// What was expected; 0 where nothing was.
    public let expected: Int64
    /// The currency of that.
    public let expectedCurrency: String
    /// Our task, where there is one.
    public let taskID: Int64?
    /// When the task was made; with its number this is its public id.
    public let taskCreatedAt: Date?
    /// When its attempt ended.
    public let endedAt: Date?
}

/// An invoice and what was expected, in one currency and in millionths.
public struct InvoiceTotal: Sendable, Equatable {
    /// The currency.
    public let currency: String
    /// The sum of the file's lines.
    public let billed: Int64
    /// What the attempts of those lines, and those that have none, should cost.
    public let expected: Int64
    /// The part of the difference that comes from rounding lines as the invoice's format permits.
    public let rounding: Int64
    /// What the invoice asks for beyond what was expected.
    public var difference: Int64 { billed - expected }
}

/// A comparison with all that it found.
public struct InvoiceResult: Sendable {
    /// Which invoice, when and how.
    public let run: InvoiceRun
    /// Everything in numbers.
    public let sums: [InvoiceSum]
    /// At most a thousand of each kind.
    public let findings: [InvoiceFinding]

    /// Whether nothing is off.
    public var isClean: Bool { sums.allSatisfy { $0.kind == nil } }

    /// How many of a kind there are, also beyond those that are kept.
    public func count(_ kind: InvoiceFindingKind?) -> Int64 {
        sums.reduce(0) { $0 + ($1.kind == kind ? $1.found : 0) }
    }

    /// The totals of each currency, in the order of their names.
    public var totals: [InvoiceTotal] {
        Set(sums.map(\.currency) + sums.map(\.expectedCurrency)).sorted().map { currency in
            func sum(_ value: (InvoiceSum) -> Int64, where isMeant: (InvoiceSum) -> Bool) -> Int64 {
                sums.reduce(0) { $0 + (isMeant($1) ? value($1) : 0) }
            }
            return InvoiceTotal(
                currency: currency, billed: sum(\.billed) { $0.currency == currency },
                expected: sum(\.expected) { $0.expectedCurrency == currency },
                rounding: sum({ $0.billed - $0.expected }, where: { $0.kind == nil && $0.currency == currency }))
        }
    }
}
