import Domain

/// One parameter or field as a row of a table: its name, what it can be and what it is for.
struct DocsField {
    private let document: OpenAPIDocument
    private let name: String
    private let schema: JSON
    private let isRequired: Bool
    /// Where a parameter stands; nil for a field.
    private let place: String?
    private let description: String?

    init(
        _ document: OpenAPIDocument, name: String, schema: JSON, isRequired: Bool, place: String? = nil, description: String? = nil
    ) {
        self.document = document
        self.name = name
        self.schema = document.resolved(schema)
        self.isRequired = isRequired
        self.place = place
        self.description = description
    }

    /// All fields of an object, and those of objects in it under `outer.inner`.
    static func all(_ document: OpenAPIDocument, of schema: JSON, prefix: String = "") -> [DocsField] {
        let schema = document.resolved(schema)
        let required = Set(schema["required"]?.elements.compactMap(\.string) ?? [])
        return (schema["properties"]?.members ?? []).flatMap { member in
            let field = DocsField(
                document, name: prefix + member.name, schema: member.value, isRequired: required.contains(member.name))
            let items = document.resolved(field.schema["items"] ?? .null)
            let inner = items["properties"] == nil ? all(document, of: field.schema, prefix: "\(prefix)\(member.name).")
                : all(document, of: items, prefix: "\(prefix)\(member.name)[].")
            // An object without a word of its own is told by its fields.
            return inner.isEmpty || field.words != nil ? [field] + inner : inner
        }
    }

    private var words: String? { description ?? schema["description"]?.string }

    /// What the template needs.
    var row: [String: Any] {
        [
            "name": DocsText.escaped(name), "isRequired": isRequired, "place": place ?? "", "hasPlace": place != nil,
            "type": DocsText.html(type), "description": DocsText.html(words ?? ""), "limits": DocsText.html(limits.joined(separator: ", ")),
            "hasLimits": !limits.isEmpty,
        ]
    }

    /// What kind of value it is. Null is nowhere told, because it is the same as nothing.
    private var type: String { Self.type(schema, document) }

    private static func type(_ schema: JSON, _ document: OpenAPIDocument) -> String {
        let schema = document.resolved(schema)
        if let value = schema["const"] { return "always `\(value.string ?? value.text)`" }
        if let choices = schema["anyOf"]?.elements {
            let words = choices.map { type($0, document) }.filter { !$0.isEmpty }
            return words.enumerated().filter { words.firstIndex(of: $0.element) == $0.offset }.map(\.element).joined(separator: " or ")
        }
        if schema["enum"] != nil { return "string" }
        let names = schema["type"].map { $0.string.map { [$0] } ?? $0.elements.compactMap(\.string) } ?? []
        let name = names.filter { $0 != "null" }.joined(separator: " or ")
        guard name == "array", let items = schema["items"] else { return name }
        return "list of \(type(items, document))s"
    }

    private var limits: [String] {
        var limits: [String] = []
        let values = (schema["enum"]?.elements ?? []).compactMap(\.string).filter { !$0.isEmpty }
        if !values.isEmpty { limits.append(values.map { "`\($0)`" }.joined(separator: " ")) }
        switch (schema["minimum"]?.text, schema["maximum"]?.text) {
        case (let low?, let high?) where low == high: limits.append("only \(low)")
        case (let low?, let high?) where high.count < 12: limits.append("\(low) to \(high)")
        default: break
        }
        if let count = schema["maxLength"]?.text { limits.append("at most \(count) characters") }
        if let count = schema["maxItems"]?.text, count != "0" { limits.append("at most \(count)") }
        if let value = schema["default"], value != .null { limits.append("default `\(value.string ?? value.text)`") }
        return limits
    }
}
