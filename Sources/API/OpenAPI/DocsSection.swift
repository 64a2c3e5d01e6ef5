import Domain

/// One dialect, or the routes beside the dialects: its operations and errors for the page.
struct DocsSection {
    private let document: OpenAPIDocument
    private let tag: JSON

    init(_ document: OpenAPIDocument, tag: JSON) {
        self.document = document
        self.tag = tag
    }

    private var name: String { tag["name"]?.string ?? "" }

    /// What the template needs.
    var context: [String: Any] {
        let errors = errors
        return [
            "name": name, "id": Self.anchor(name), "description": DocsText.html(tag["description"]?.string ?? ""),
            "operations": operations, "errors": errors, "hasErrors": !errors.isEmpty,
        ]
    }

    private static func anchor(_ name: String) -> String { name.lowercased().replacing(".", with: "-") }

    private var operations: [[String: Any]] {
        (document.root["paths"]?.members ?? []).flatMap { path in
            path.value.members.filter { $0.value["tags"]?.elements.first?.string == name }.map { method in
                DocsOperation(
                    document, path: path.name, method: method.name, operation: method.value,
                    errorsPlace: errors.isEmpty ? nil : "\(Self.anchor(name))-errors"
                ).context
            }
        }
    }

    /// The dialect's answers to failures: `Unified_400` and so on.
    private var errors: [[String: Any]] {
        guard let prefix = tag["x-errors"]?.string else { return [] }
        return (document.root["components"]?["responses"]?.members ?? []).compactMap { response -> [String: Any]? in
            guard response.name.hasPrefix("\(prefix)_"), let status = Int(response.name.dropFirst(prefix.count + 1)) else { return nil }
            let example = response.value["content"]?["application/json"]?["example"] ?? .null
            return [
                "status": String(status), "description": DocsText.html(response.value["description"]?.string ?? ""),
                "example": DocsText.escaped(example.readable(width: 84)),
            ]
        }
    }
}

/// One method of one path for the page.
struct DocsOperation {
    /// What fits into a line of code on the page, in characters.
    private static let codeWidth = 58

    let document: OpenAPIDocument
    let path: String
    let method: String
    let operation: JSON
    /// Where the page explains the errors of the dialect; nil where there is no such place.
    let errorsPlace: String?

    init(_ document: OpenAPIDocument, path: String, method: String, operation: JSON, errorsPlace: String?) {
        self.document = document
        self.path = path
        self.method = method
        self.operation = operation
        self.errorsPlace = errorsPlace
    }

    /// What the template needs.
    var context: [String: Any] {
        let told = statuses.filter { errorsPlace == nil || $0.isSuccess }
        let others = statuses.filter { errorsPlace != nil && !$0.isSuccess }
        let samples = (operation["x-codeSamples"]?.elements ?? []).map {
            ["label": DocsText.html($0["label"]?.string ?? ""), "source": DocsText.escaped($0["source"]?.string ?? "")]
        }
        return [
            "id": operation["operationId"]?.string ?? "", "method": method.uppercased(), "class": method, "path": path,
            "summary": operation["summary"]?.string ?? "", "description": DocsText.html(operation["description"]?.string ?? ""),
            "isOpen": operation["security"]?.elements.isEmpty ?? false, "tables": tables, "samples": samples, "replies": replies,
            "reply": replyTable.map { [$0] } ?? [],
            "statuses": told.map { status in
                ["status": status.text, "isGood": status.isSuccess, "description": DocsText.html(status.description)] as [String: Any]
            },
            "errorsPlace": errorsPlace ?? "", "hasOthers": !others.isEmpty,
            "others": others.map { ["status": $0.text, "description": DocsText.escaped($0.description.replacing("`", with: ""))] },
        ]
    }

    /// Parameters, and the fields of each body that is taken.
    private var tables: [[String: Any]] {
        let parameters = (operation["parameters"]?.elements ?? []).map { parameter -> DocsField in
            let parameter = document.resolved(parameter)
            return DocsField(
                document, name: parameter["name"]?.string ?? "", schema: parameter["schema"] ?? .null,
                isRequired: parameter["required"] == .bool(true), place: parameter["in"]?.string,
                description: parameter["description"]?.string)
        }
        var tables: [[String: Any]] = []
        if !parameters.isEmpty { tables.append(["title": "Parameters", "rows": parameters.map(\.row)]) }
        for body in operation["requestBody"]?["content"]?.members ?? [] {
            let fields = DocsField.all(document, of: body.value["schema"] ?? .null)
            tables.append(["title": "Body, \(body.name)", "rows": fields.map(\.row)])
        }
        return tables
    }

    private var success: JSON { document.resolved(operation["responses"]?["200"] ?? .null) }

    private var replies: [[String: Any]] {
        (success["content"]?.members ?? []).compactMap { content in
            guard let example = content.value["example"] else { return nil }
            let text = example.string ?? example.readable(width: Self.codeWidth)
            return ["type": content.name, "text": DocsText.escaped(text)]
        }
    }

    private var replyTable: [String: Any]? {
        let fields = DocsField.all(document, of: success["content"]?["application/json"]?["schema"] ?? .null)
        return fields.isEmpty ? nil : ["rows": fields.map(\.row)]
    }

    private var statuses: [(text: String, isSuccess: Bool, description: String)] {
        (operation["responses"]?.members ?? []).map { status in
            (status.name, status.name.hasPrefix("2"), document.resolved(status.value)["description"]?.string ?? "")
        }
    }
}
