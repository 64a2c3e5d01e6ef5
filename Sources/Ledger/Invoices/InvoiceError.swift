/// Why an invoice cannot be read. Nothing is kept of it then.
public enum InvoiceError: Error, Equatable, CustomStringConvertible {
    /// The file has no bytes.
    case empty
    /// The first line is there and nothing below it.
    case noLines
    /// More lines than one reconciliation takes.
    case tooManyLines(max: Int)
    /// No column of the first line has one of the names.
    case columnMissing(field: String, names: [String], columns: [String])
    /// Several columns of the first line have.
    case columnsAlike(field: String, columns: [String])
    /// A field does not hold what its column should.
    case badValue(line: Int, column: String, value: String, advice: String)
    /// No attempt was made at a provider of that name.
    case providerUnknown(String, known: [String])

    public var description: String {
        switch self {
        case .empty: "the file is empty: give the invoice as CSV with the names of the columns in its first line"
        case .noLines: "the file has no line below the names of the columns: give the invoice of a period with jobs"
        case .tooManyLines(let most): "the file has more than \(most) lines: reconcile shorter periods one by one"
        case .columnMissing(let field, let names, let columns):
            "the file has no column \(listed(names, "or")) for the \(field): it has \(listed(columns)); "
                + "name the right one with --map \(field)=COLUMN"
                + (field == "currency" ? ", or which one it is with --currency USD" : "")
                + (["time", "status"].contains(field) ? ", or none with --map \(field)=" : "")
        case .columnsAlike(let field, let columns):
            "the columns \(listed(columns)) may all be the \(field): say which one is with --map \(field)=COLUMN, "
                + "and give columns different names"
        case .badValue(let line, let column, let value, let advice):
            "line \(line), column '\(shown(column))': '\(shown(value))' \(advice)"
        case .providerUnknown(let name, let known):
            known.isEmpty
                ? "no job was done by the provider '\(shown(name))' or by any other yet: there is nothing to compare with"
                : "no job was done by the provider '\(shown(name))': there were jobs at \(listed(known))"
        }
    }

    private func listed(_ names: [String], _ last: String = "and") -> String {
        let most = 40
        let some = names.prefix(most).map { "'\(shown($0))'" }
        if names.count > most { return "\(some.joined(separator: ", ")) and \(names.count - most) more" }
        let front = some.dropLast().joined(separator: ", ")
        return front.isEmpty ? some.joined() : "\(front) \(last) \(some[some.count - 1])"
    }

    /// A text from outside on one line of a terminal.
    private func shown(_ text: String) -> String {
        let most = 60
        let plain = text.unicodeScalars.prefix(most).map { scalar in
            scalar.properties.generalCategory == .control ? "\u{fffd}" : String(scalar)
        }.joined()
        return text.unicodeScalars.count > most ? plain + "..." : plain
    }
}
