import Domain

/// `/_simulator`: the book, the invoice and the script, for tests and operators. It needs no key.
struct Control: Sendable {
    static let root = "/_simulator"

    let desk: Desk

    func answer(_ call: Call) -> Answer {
        switch (call.method, call.path) {
        case ("GET", Self.root): .reply(.json(BookPage(kind: desk.settings.kind, book: desk.book, script: desk.script).json))
        case ("GET", "\(Self.root)/invoice.csv"):
            .reply(.text(InvoicePage(jobs: desk.book.jobs).csv, "text/csv; charset=utf-8"))
        case ("POST", "\(Self.root)/finish"): .reply(.json(.object([("finished", .int(Int64(desk.book.finishAll())))])))
        case ("POST", "\(Self.root)/faults"): replaceFaults(call)
        default:
            .reply(.json(.object([("error", .string(
                "there are GET \(Self.root), GET \(Self.root)/invoice.csv, POST \(Self.root)/faults and POST \(Self.root)/finish"))]),
                status: 404))
        }
    }

    private func replaceFaults(_ call: Call) -> Answer {
        do throws(SimulatorError) {
            guard case .list(let list)? = Value(call.body) else { throw Self.noList }
            var faults: [ScriptedFault] = []
            for entry in list {
                guard case .string(let text) = entry else { throw Self.noList }
                faults.append(try ScriptedFault(text))
            }
            try desk.script.replace(by: faults)
            return .reply(.json(.object([("faults", .array(faults.map { .string($0.description) }))])))
        } catch { return .reply(.json(.object([("error", .string(error.description))]), status: 400)) }
    }

    private static let noList = SimulatorError(#"the body is a JSON list of faults, such as ["submit:503:2", "fetch:truncated:*@cat"]"#)
}
