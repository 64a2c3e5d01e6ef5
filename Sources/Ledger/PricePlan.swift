public import Domain
public import Foundation
import Postgres

/// A price as an operator sets it.
public struct PricePlan: Sendable {
    /// What it is for.
    public let scope: PriceScope
    /// What a call costs.
    public let terms: PriceTerms
    /// When it takes over; nil is now.
    public let from: Date?

    /// A price from a date on.
    public init(scope: PriceScope, terms: PriceTerms, from: Date?) {
        self.scope = scope
        self.terms = terms
        self.from = from
    }
}

/// Who changes prices and why: it is kept with the version.
public struct PriceAuthor: Sendable {
    /// The operator's name.
    public let actor: String
    /// Why, in 1 to 500 characters.
    public let reason: String

    /// Names the two.
    public init(actor: String, reason: String) {
        self.actor = actor
        self.reason = reason
    }
}

/// A version that was set.
public struct SetPrice: Sendable {
    /// Its number, pinned on the tasks that are made under it.
    public let version: Int64
    /// When it takes over.
    public let from: Date
    /// The version of the same moment whose place it takes.
    public let replaced: Int64?
}

/// Why prices were not changed.
public enum PriceRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// A price was to begin in the past.
    case past
    /// The version that would be withdrawn or replaced is in force, or almost.
    case tooLate
    /// There is no such version.
    case unknownVersion(Int64)
    /// It was withdrawn before.
    case withdrawnBefore(Int64, at: Date)
    /// It is or was in force.
    case inForce(Int64, since: Date)
    /// More versions than one answer holds.
    case tooMany(max: Int)

    public var description: String {
        switch self {
        case .past: "the date has passed, and prices are not changed backwards: name a later one, or none for now"
        case .tooLate:
            "a version that comes into force within a minute can no longer be taken back: set the next price for a later date"
        case .unknownVersion(let version): "there is no price version \(version): see `zadmin price list`"
        case .withdrawnBefore(let version, let at): "price version \(version) was withdrawn on \(at.formatted(.iso8601))"
        case .inForce(let version, let since):
            "price version \(version) came into force on \(since.formatted(.iso8601)) and stays in the books: "
                + "set another price with `zadmin price set`"
        case .tooMany(let max): "more than \(max) price versions: ask for one --group, --model or moment (--at)"
        }
    }

    /// What the database's refusal means, nil when it is about something else.
    init?(_ error: PostgresError) {
        switch error.constraint {
        case "prices_not_backwards": self = .past
        case "prices_immutable": self = .tooLate
        default: return nil
        }
    }
}

/// Why a price list was not loaded. Nothing was changed.
public struct PriceListRefusal: Error, Sendable, CustomStringConvertible {
    /// All that is wrong with it, by line.
    public let problems: [PriceListProblem<Date>]

    /// A sentence for each.
    public var sentences: [String] { problems.map { $0.sentence { $0.formatted(.iso8601) } } }

    public var description: String { sentences.joined(separator: "\n") }
}
