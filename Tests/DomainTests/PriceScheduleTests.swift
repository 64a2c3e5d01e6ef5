import Domain
import Testing

private typealias Row = PriceRow<Int>
private typealias Problem = PriceListProblem<Int>

/// Moments are days, so that every list can be checked day by day.
private func row(_ line: Int, _ from: Int, _ until: Int?, tier: SizeTier? = nil, model: String = "m") throws -> Row {
    PriceRow(
        line: line, scope: PriceScope(model: model, operation: .generate, tier: tier),
        terms: try PriceTerms(rule: .perCall, amount: .zero, unitsMax: 1), from: from, until: until)
}

@Suite struct PriceScheduleTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// From and until of the lines 2, 3 and so on.
        let spans: [(Int, Int?)]
        let problems: [PriceListProblem<Int>]

        init(_ name: String, _ spans: [(Int, Int?)], _ problems: [PriceListProblem<Int>] = []) {
            (testDescription, self.spans, self.problems) = (name, spans, problems)
        }
    }

    @Test(arguments: [
        Case("nothing", []),
        Case("one, open", [(5, nil)]),
        Case("one after the other", [(5, 7), (7, 8), (8, nil)]),
        Case("in any order", [(8, nil), (5, 7), (7, 8)]),
        Case("from now on", [(1, nil)]),
        Case("from before now", [(0, nil)], [.past(line: 2, from: 0)]),
        Case("not open", [(5, 7), (7, 9)], [.notOpen(line: 3, until: 9)]),
        Case("a gap of a day", [(5, 7), (8, nil)], [.gap(line: 3, after: 2, from: 7, until: 8)]),
        Case("an overlap of a day", [(5, 8), (7, nil)], [.overlap(line: 3, with: 2, from: 7, until: 8)]),
        Case("twice open", [(5, nil), (7, nil)], [.overlap(line: 3, with: 2, from: 7, until: nil)]),
        Case("something after open", [(5, nil), (7, 9)], [.overlap(line: 3, with: 2, from: 7, until: 9)]),
        Case("the same twice", [(5, nil), (5, nil)], [.overlap(line: 3, with: 2, from: 5, until: nil)]),
        Case(
            "one inside another, and a gap behind it", [(2, 9), (3, 4), (10, nil)],
            [.overlap(line: 3, with: 2, from: 3, until: 4), .gap(line: 4, after: 2, from: 9, until: 10)]),
        Case("ends at its start", [(5, 5)], [.endsBefore(line: 2, from: 5, until: 5)]),
        Case("ends before its start", [(5, 3), (5, nil)], [.endsBefore(line: 2, from: 5, until: 3)]),
    ])
    func aListIsJudged(_ test: Case) throws {
        let rows = try test.spans.enumerated().map { try row($0.offset + 2, $0.element.0, $0.element.1) }
        #expect(PriceSchedule(rows).problems(now: 1, planned: []) == test.problems)
    }

    @Test func eachModelOperationAndSizeIsAListOfItsOwn() throws {
        let terms = try PriceTerms(rule: .perCall, amount: .zero, unitsMax: 1)
        let edit = PriceScope(model: "m", operation: .edit, tier: nil)
        let rows = [
            try row(2, 5, nil), try row(3, 6, nil, tier: .standard), try row(4, 7, nil, tier: .large),
            try row(5, 8, nil, model: "n"), PriceRow(line: 6, scope: edit, terms: terms, from: 9, until: nil),
        ]
        #expect(PriceSchedule(rows).problems(now: 0, planned: []).isEmpty)
        let gap = try row(7, 3, 4, tier: .large)
        #expect(
            PriceSchedule(rows + [gap]).problems(now: 0, planned: []) == [.gap(line: 4, after: 7, from: 4, until: 7)])
    }

    @Test func aVersionThatTakesOverLaterIsNamedWithTheLineThatHoldsThen() throws {
        let rows = [try row(2, 5, 8), try row(3, 8, nil)]
        func planned(_ version: Int64, _ from: Int, tier: SizeTier? = nil) -> PlannedPrice<Int> {
            PlannedPrice(version: version, scope: PriceScope(model: "m", operation: .generate, tier: tier), from: from)
        }
        // One that holds before the list begins ends there, and another size is another list.
        let versions = [planned(1, 4), planned(2, 5), planned(3, 7), planned(4, 8), planned(5, 99), planned(6, 6, tier: .large)]
        #expect(
            PriceSchedule(rows).problems(now: 0, planned: versions) == [
                .planned(line: 2, version: 2, from: 5), .planned(line: 2, version: 3, from: 7),
                .planned(line: 3, version: 4, from: 8), .planned(line: 3, version: 5, from: 99),
            ])
    }

    @Test func everySentenceNamesTheLineTheDatesAndWhatToDo() {
        let sentences: [(Problem, String)] = [
            (.unknownModel(line: 2, model: "x"), "line 2: there is no model 'x': see `zadmin price list`"),
            (
                .past(line: 3, from: 1),
                "line 3: day 1 has passed, and prices are not changed backwards: name a later date"
            ),
            (.endsBefore(line: 4, from: 9, until: 8), "line 4: it ends on day 8, not after its start on day 9"),
            (.overlap(line: 5, with: 2, from: 3, until: 4), "line 5: it overlaps line 2 from day 3 until day 4"),
            (.overlap(line: 5, with: 2, from: 3, until: nil), "line 5: it overlaps line 2 from day 3 on"),
            (.gap(line: 6, after: 2, from: 3, until: 4), "line 6: there is a gap after line 2 from day 3 until day 4"),
            (.notOpen(line: 7, until: 4), "line 7: there is a gap from day 4 on: leave the last until empty"),
            (
                .planned(line: 8, version: 12, from: 4),
                "line 8: it overlaps version 12, which is set from day 4: `zadmin price withdraw 12` first"
            ),
        ]
        for (problem, sentence) in sentences { #expect(problem.sentence { "day \($0)" } == sentence) }
    }

    /// Goal: what is reported is the truth. Method: random lists, most of them made by cutting time into pieces and then
    /// moving an edge or two, against a count of the lines that hold on each day.
    @Test func gapsAndOverlapsAreThoseOfADayByDayCount() throws {
        var met: Set<String> = []
        for _ in 0..<1_000 {
            let rows = try Self.randomList()
            let planned = (0..<Int.random(in: 0...2)).map { index in
                PlannedPrice(
                    version: Int64(index), scope: Self.scopes.randomElement() ?? Self.scopes[0], from: Int.random(in: 0..<Self.horizon))
            }
            let found = PriceSchedule(rows).problems(now: 3, planned: planned)
            let story: Comment = "\(rows.map { "\($0.line): \($0.scope.tier?.rawValue ?? "every") \($0.from)-\($0.until ?? -1)" })"
            for scope in Self.scopes {
                let lines = Set(rows.filter { $0.scope == scope }.map(\.line))
                let report = Report(found.filter { lines.contains($0.line) }, horizon: Self.horizon)
                let truth = Report(rows.filter { $0.scope == scope }, planned.filter { $0.scope == scope }, now: 3, horizon: Self.horizon)
                #expect(report == truth, story)
                met.formUnion(truth.kinds)
            }
        }
        #expect(met == ["good", "past", "backwards", "gap", "overlap", "planned"], "a run that met only some would prove little")
    }

    private static let horizon = 24
    private static let scopes = [nil, SizeTier.large].map { PriceScope(model: "m", operation: .generate, tier: $0) }

    private static func randomList() throws -> [Row] {
        var rows: [Row] = []
        for scope in scopes {
            let cuts = Set((0..<Int.random(in: 1...5)).map { _ in Int.random(in: 2..<20) }).sorted()
            for (index, from) in cuts.enumerated() {
                var (from, until) = (from, index + 1 < cuts.count ? cuts[index + 1] : nil as Int?)
                if Int.random(in: 0..<6) == 0 { from += Int.random(in: -2...2) }
                if Int.random(in: 0..<6) == 0 { until = Bool.random() ? nil : Int.random(in: 1..<22) }
                rows.append(try row(0, from, until, tier: scope.tier))
            }
        }
        return try rows.shuffled().enumerated().map { index, old in
            try row(index + 2, old.from, old.until, tier: old.scope.tier)
        }
    }
}

/// What holds of a list, told from the problems or from the days.
private struct Report: Equatable {
    var past: Set<Int> = []
    var backwards: Set<Int> = []
    var gapDays: Set<Int> = []
    var overlapDays: Set<Int> = []
    var planned: Set<Int64> = []

    init(_ problems: [Problem], horizon: Int) {
        for problem in problems {
            switch problem {
            case .unknownModel: break
            case .past(let line, _): past.insert(line)
            case .endsBefore(let line, _, _): backwards.insert(line)
            case .overlap(_, _, let from, let until): overlapDays.formUnion(from..<(until ?? horizon))
            case .gap(_, _, let from, let until): gapDays.formUnion(from..<until)
            case .notOpen(_, let until): gapDays.formUnion(until..<horizon)
            case .planned(_, let version, _): planned.insert(version)
            }
        }
    }

    init(_ rows: [Row], _ planned: [PlannedPrice<Int>], now: Int, horizon: Int) {
        past = Set(rows.filter { $0.from < now }.map(\.line))
        backwards = Set(rows.filter { $0.until ?? .max <= $0.from }.map(\.line))
        let rows = rows.filter { !backwards.contains($0.line) }
        guard let first = rows.map(\.from).min() else { return }
        for day in first..<horizon {
            let count = rows.count { $0.from <= day && day < $0.until ?? .max }
            if count == 0 { gapDays.insert(day) }
            if count > 1 { overlapDays.insert(day) }
        }
        self.planned = Set(planned.filter { $0.from >= first }.map(\.version))
    }

    var kinds: [String] {
        let found = [
            ("past", !past.isEmpty), ("backwards", !backwards.isEmpty), ("gap", !gapDays.isEmpty), ("overlap", !overlapDays.isEmpty),
            ("planned", !planned.isEmpty),
        ].filter(\.1).map(\.0)
        return found.isEmpty ? ["good"] : found
    }
}
