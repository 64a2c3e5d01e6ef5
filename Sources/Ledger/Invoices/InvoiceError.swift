/// Why an invoice cannot be read. Nothing is kept of it then.
public enum InvoiceError: Error, Equatable, CustomStringConvertible {
    /// The file has no bytes.
    case empty
    /// The first line is there and nothing below it.
    case noLines
    /// More lines than one reconciliation takes.
    case tooManyLines(max: Int)
    /// No column of the first line has the name.
    case columnMissing(field: String, column: String, columns: [String])
    /// Two columns of the first line have it.
    case columnTwice(column: String)
    /// A field does not hold what its column should.
    case badValue(line: Int, column: String, value: String, advice: String)
    /// No attempt was made at a provider of that name.
    case providerUnknown(String, known: [String])

    public var description: String {
        switch self {
        case .empty: "the file is empty: give the invoice as CSV with the names of the columns in its first line"
        case .noLines: "the file has no line below the names of the columns: give the invoice of a period with jobs"
        case .tooManyLines(let most): "the file has more than \(most) lines: reconcile shorter periods one by one"
        case .columnMissing(let field, let column, let columns):
            "the file has no column '\(shown(column))': it has \(listed(columns)); name the right one with --map \(field)=COLUMN"
                + (["id", "amount"].contains(field) ? "" : ", or none with --map \(field)=")
        case .columnTwice(let column): "the file has the column '\(shown(column))' twice: rename one of them"
        case .badValue(let line, let column, let value, let advice):
            "line \(line), column '\(shown(column))': '\(shown(value))' \(advice)"
        case .providerUnknown(let name, let known):
            known.isEmpty
                ? "no job was done by the provider '\(shown(name))' or by any other yet: there is nothing to compare with"
                : "no job was done by the provider '\(shown(name))': there were jobs at \(listed(known))"
        }
    }

    private func listed(_ names: [String]) -> String {
        let most = 40
        let some = names.prefix(most).map { "'\(shown($0))'" }.joined(separator: ", ")
        return names.count > most ? "\(some) and \(names.count - most) more" : some
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
