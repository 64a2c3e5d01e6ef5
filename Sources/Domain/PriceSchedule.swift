/// One line of a price list: what a call costs from one moment until another. `Moment` is a date, or any other line of time.
public struct PriceRow<Moment: Comparable & Sendable>: Sendable {
    /// Where it stands in its file, from 1.
    public let line: Int
    /// What it is for.
    public let scope: PriceScope
    /// What a call costs.
    public let terms: PriceTerms
    /// The first moment.
    public let from: Moment
    /// The first moment after it; nil is open-ended.
    public let until: Moment?

    /// Makes a line.
    public init(line: Int, scope: PriceScope, terms: PriceTerms, from: Moment, until: Moment?) {
        self.line = line
        self.scope = scope
        self.terms = terms
        self.from = from
        self.until = until
    }
}

/// A version that is set already and not in force yet.
public struct PlannedPrice<Moment: Comparable & Sendable>: Sendable {
    /// The version's number.
    public let version: Int64
    /// What it is for.
    public let scope: PriceScope
    /// When it takes over.
    public let from: Moment

    /// Names a version.
    public init(version: Int64, scope: PriceScope, from: Moment) {
        self.version = version
        self.scope = scope
        self.from = from
    }
}

/// Why a price list cannot be taken as it is. Every case begins with the line that it is about.
public enum PriceListProblem<Moment: Comparable & Sendable>: Sendable, Equatable {
    /// The model is not known.
    case unknownModel(line: Int, model: String)
    /// The line begins in the past.
    case past(line: Int, from: Moment)
    /// The line ends before it begins.
    case endsBefore(line: Int, from: Moment, until: Moment)
    /// The line and another have these moments in common.
    case overlap(line: Int, with: Int, from: Moment, until: Moment?)
    /// Nothing holds between the end of the other line and this one.
    case gap(line: Int, after: Int, from: Moment, until: Moment)
    /// The last line has an end: nothing holds from then on.
    case notOpen(line: Int, until: Moment)
    /// A version that was set before takes over while the list holds.
    case planned(line: Int, version: Int64, from: Moment)

    /// The line.
    public var line: Int {
        switch self {
        case .unknownModel(let line, _), .past(let line, _), .endsBefore(let line, _, _), .overlap(let line, _, _, _),
            .gap(let line, _, _, _), .notOpen(let line, _), .planned(let line, _, _):
            line
        }
    }

    /// What is wrong and what to do.
    public func sentence(_ show: (Moment) -> String) -> String {
        let what =
            switch self {
            case .unknownModel(_, let model): "there is no model '\(model)': see `zadmin price list`"
            case .past(_, let from): "\(show(from)) has passed, and prices are not changed backwards: name a later date"
            case .endsBefore(_, let from, let until): "it ends on \(show(until)), not after its start on \(show(from))"
            case .overlap(_, let other, let from, let until):
                "it overlaps line \(other) from \(show(from)) \(until.map { "until \(show($0))" } ?? "on")"
            case .gap(_, let other, let from, let until):
                "there is a gap after line \(other) from \(show(from)) until \(show(until))"
            case .notOpen(_, let until): "there is a gap from \(show(until)) on: leave the last until empty"
            case .planned(_, let version, let from):
                "it overlaps version \(version), which is set from \(show(from)): `zadmin price withdraw \(version)` first"
            }
        return "line \(line): \(what)"
    }
}

/// A price list: for each model, operation and size its lines must follow each other without a gap or an overlap, begin in
/// the future and end open. What was in force before the first line holds until then; what the list does not name stays.
public struct PriceSchedule<Moment: Comparable & Sendable>: Sendable {
    private let rows: [PriceRow<Moment>]

    /// A list of lines in any order.
    public init(_ rows: [PriceRow<Moment>]) { self.rows = rows }

    /// All that is wrong, by line.
    /// - Parameter planned: the versions that are set already and take over after `now`.
    public func problems(now: Moment, planned: [PlannedPrice<Moment>]) -> [PriceListProblem<Moment>] {
        var found: [PriceListProblem<Moment>] = []
        var sound: [PriceRow<Moment>] = []
        for row in rows {
            if row.from < now { found.append(.past(line: row.line, from: row.from)) }
            if let until = row.until, until <= row.from {
                found.append(.endsBefore(line: row.line, from: row.from, until: until))
            } else {
                sound.append(row)
            }
        }
        let planned = Dictionary(grouping: planned, by: \.scope)
        for (scope, rows) in Dictionary(grouping: sound, by: \.scope) {
            let rows = rows.sorted { ($0.from, $0.line) < ($1.from, $1.line) }
            found += Self.breaks(in: rows) + Self.collisions(of: rows, with: planned[scope] ?? [])
        }
        return found.sorted { $0.line < $1.line }
    }

    /// Gaps and overlaps among the lines of one scope, which come by their start: each is held against the line that
    /// reaches furthest of those before it.
    private static func breaks(in rows: [PriceRow<Moment>]) -> [PriceListProblem<Moment>] {
        var found: [PriceListProblem<Moment>] = []
        guard var furthest = rows.first else { return [] }
        for row in rows.dropFirst() {
            guard let reach = furthest.until else {
                found.append(.overlap(line: row.line, with: furthest.line, from: row.from, until: row.until))
                continue
            }
            if row.from > reach {
                found.append(.gap(line: row.line, after: furthest.line, from: reach, until: row.from))
            } else if row.from < reach {
                let end = row.until.map { min($0, reach) } ?? reach
                found.append(.overlap(line: row.line, with: furthest.line, from: row.from, until: end))
            }
            if row.until.map({ $0 > reach }) ?? true { furthest = row }
        }
        if let reach = furthest.until { found.append(.notOpen(line: furthest.line, until: reach)) }
        return found
    }

    /// Versions that would take over from the list, each with the line that holds then.
    private static func collisions(
        of rows: [PriceRow<Moment>], with planned: [PlannedPrice<Moment>]
    ) -> [PriceListProblem<Moment>] {
        planned.compactMap { version in
            rows.last { $0.from <= version.from }.map {
                .planned(line: $0.line, version: version.version, from: version.from)
            }
        }
    }
}
