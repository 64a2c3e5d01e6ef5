/// The columns of a price list as a file, in their order.
public enum PriceColumn: String, Sendable, CaseIterable {
    case model, operation
    case sizeTier = "size_tier"
    case rule, amount
    case unitsMax = "units_max"
    case from, until

    /// The first line of the file.
    public static let header = allCases.map(\.rawValue).joined(separator: ",")
}

/// A place in a file that cannot be read, and why.
public struct PriceSheetProblem: Sendable, Equatable, CustomStringConvertible {
    /// From 1.
    public let line: Int
    /// Nil when the whole line is meant.
    public let column: PriceColumn?
    /// What is wrong and what to write.
    public let text: String

    public var description: String { "line \(line)\(column.map { ", column \($0.rawValue)" } ?? ""): \(text)" }
}

/// A file is not a price list.
public struct PriceSheetError: Error, Sendable, Equatable {
    /// All that is wrong, by line.
    public let problems: [PriceSheetProblem]
}

/// A price list as a file of comma-separated values: the header, then a line per price.
public struct PriceSheet<Moment: Comparable & Sendable>: Sendable {
    /// The prices, in the order of the file.
    public let rows: [PriceRow<Moment>]

    /// Reads a file; empty lines do not count.
    /// - Parameter moment: reads a date; its error says what to write.
    public init(text: String, moment: (String) throws -> Moment) throws(PriceSheetError) {
        // What spreadsheets write in front of UTF-8.
        let text = text.hasPrefix("\u{feff}") ? text.dropFirst() : text[...]
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
            .filter { !$0.element.isEmpty }
        func refusal(_ line: Int, _ text: String) -> PriceSheetError {
            PriceSheetError(problems: [PriceSheetProblem(line: line, column: nil, text: text)])
        }
        guard let header = lines.first, header.element == PriceColumn.header else {
            throw refusal((lines.first?.offset ?? 0) + 1, "the first line must be \(PriceColumn.header)")
        }
        guard lines.count > 1 else { throw refusal(header.offset + 1, "no price follows the header") }
        guard lines.count - 1 <= Limits.priceSheetLinesMax else {
            throw refusal(
                lines[Limits.priceSheetLinesMax + 1].offset + 1,
                "a price list has at most \(Limits.priceSheetLinesMax) prices: split it, by model for example")
        }
        var rows: [PriceRow<Moment>] = []
        var problems: [PriceSheetProblem] = []
        for (offset, line) in lines.dropFirst() {
            var cells = PriceCells(line: offset + 1, texts: Self.cells(line))
            if let row = cells.row(moment) { rows.append(row) }
            problems += cells.problems
        }
        guard problems.isEmpty else { throw PriceSheetError(problems: problems) }
        self.rows = rows
    }

    /// The cells of a line. No cell of a price list can hold a comma, a quote or a line break, so there is nothing to quote.
    private static func cells(_ line: Substring) -> [String] {
        line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
}

/// The cells of one line, and what is wrong with them.
private struct PriceCells {
    let line: Int
    let texts: [String]
    private(set) var problems: [PriceSheetProblem] = []

    init(line: Int, texts: [String]) {
        self.line = line
        self.texts = texts
    }

    /// The price, or nil and problems.
    mutating func row<Moment>(_ moment: (String) throws -> Moment) -> PriceRow<Moment>? {
        guard texts.count == PriceColumn.allCases.count else {
            refuse(nil, "it has \(texts.count) cells instead of \(PriceColumn.allCases.count): \(PriceColumn.header)")
            return nil
        }
        let model = read(.model) { $0 }
        let operation = read(.operation) { try TaskOperation(word: $0) }
        let tier = read(.sizeTier) { $0.isEmpty ? nil : try SizeTier(word: $0) }
        let rule = read(.rule) { try BillingRule(word: $0) }
        let amount = read(.amount) { try Credits(decimal: $0) }
        let unitsMax = read(.unitsMax) { $0.isEmpty ? 1 : try Self.wholeNumber($0) }
        let from = read(.from, moment)
        let until = read(.until) { $0.isEmpty ? nil : try moment($0) }
        guard let model, let operation, let tier, let rule, let amount, let unitsMax, let from, let until else { return nil }
        do {
            let terms = try PriceTerms(rule: rule, amount: amount, unitsMax: unitsMax)
            let scope = PriceScope(model: model, operation: operation, tier: tier)
            return PriceRow(line: line, scope: scope, terms: terms, from: from, until: until)
        } catch {
            refuse(.unitsMax, "\(error)")
            return nil
        }
    }

    private mutating func read<T>(_ column: PriceColumn, _ read: (String) throws -> T) -> T? {
        let text = texts[PriceColumn.allCases.firstIndex(of: column) ?? 0]
        do {
            guard !text.contains("\"") else { throw Refusal("quotes are not read, and nothing in a price list needs them") }
            // Longer than any name, so that an error stays readable.
            guard text.utf8.count <= 200 else { throw Refusal("a cell has at most 200 characters") }
            return try read(text)
        } catch {
            refuse(column, "\(error)")
            return nil
        }
    }

    private mutating func refuse(_ column: PriceColumn?, _ text: String) {
        problems.append(PriceSheetProblem(line: line, column: column, text: text))
    }

    private static func wholeNumber(_ text: String) throws(Refusal) -> Int {
        guard text.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(text) else {
            throw Refusal("'\(text)' is not a whole number")
        }
        return number
    }

    private struct Refusal: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }
}
