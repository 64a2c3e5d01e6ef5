/// The names of an invoice's columns.
struct InvoiceHeader {
    private let names: [String]

    init(_ names: [String]) { self.names = names }

    /// The column that was found.
    func column(_ index: Int?) -> InvoiceColumn { index.map { .named(names[$0]) } ?? .none }

    /// Where something is that must be there: a usual name must leave no choice.
    func required(_ field: String, _ column: InvoiceColumn) throws(InvoiceError) -> Int {
        let found = matches(column)
        guard let index = found.first else {
            throw .columnMissing(field: field, names: usualNames(column), columns: names)
        }
        guard found.count == 1 else { throw .columnsAlike(field: field, columns: found.map { names[$0] }) }
        return index
    }

    /// Where something is that may be missing, unless a name was given for it. Of usual names the first counts.
    func optional(_ field: String, _ column: InvoiceColumn) throws(InvoiceError) -> Int? {
        if case .named = column { return try required(field, column) }
        return matches(column).first
    }

    /// In the order of the names that are looked for.
    private func matches(_ column: InvoiceColumn) -> [Int] {
        switch column {
        case .none: []
        case .named(let name): names.indices.filter { names[$0] == name }
        case .usual(let usual): usual.flatMap { name in names.indices.filter { plain(names[$0]) == name } }
        }
    }

    private func usualNames(_ column: InvoiceColumn) -> [String] {
        switch column {
        case .none: []
        case .named(let name): [name]
        case .usual(let names): names
        }
    }

    /// `Task ID` is `task_id`.
    private func plain(_ name: String) -> String { name.lowercased().replacing(" ", with: "_").replacing("-", with: "_") }
}
