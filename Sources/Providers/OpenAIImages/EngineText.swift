import Foundation

/// JSON from an engine, read without expecting anything of it.
struct EngineObject {
    private let members: [String: Any]

    init?(_ bytes: some Sequence<UInt8>) {
        guard let members = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else { return nil }
        self.members = members
    }

    private init(_ members: [String: Any]) { self.members = members }

    func text(_ name: String) -> String? { members[name] as? String }

    func number(_ name: String) -> Double? {
        guard let number = (members[name] as? NSNumber)?.doubleValue, number.isFinite else { return nil }
        return number
    }

    func object(_ name: String) -> EngineObject? { (members[name] as? [String: Any]).map(EngineObject.init) }

    /// The objects of a list; those of its elements that are none are left out.
    func objects(_ name: String) -> [EngineObject]? {
        (members[name] as? [Any])?.compactMap { ($0 as? [String: Any]).map(EngineObject.init) }
    }

    /// The texts of a list.
    func texts(_ name: String) -> [String]? { (members[name] as? [Any])?.compactMap { $0 as? String } }

    func has(_ name: String) -> Bool { members[name].map { !($0 is NSNull) } ?? false }

    /// What went wrong, wherever it stands: `error.message`, `error`, `message` or `detail`, a text or a list.
    var complaint: String? {
        for name in ["error", "message", "detail"] {
            guard let value = members[name], let text = Self.complaint(value) else { continue }
            return text
        }
        return nil
    }

    /// The words by which programs tell errors apart: `error.code`, `error.type` or, without an object, `code`.
    var complaintCodes: Set<String> {
        let places = [object("error"), object("detail"), self].compactMap { $0 }
        return Set(places.flatMap { [$0.text("code"), $0.text("type")].compactMap { $0 } })
    }

    private static func complaint(_ value: Any) -> String? {
        switch value {
        case let text as String: return text.isEmpty ? nil : text
        case let members as [String: Any]:
            let object = EngineObject(members)
            // FastAPI says what is wrong with a field as `{"loc": ["body", "size"], "msg": "..."}`.
            guard let message = object.text("msg") else { return object.complaint }
            guard let field = (members["loc"] as? [Any])?.last as? String else { return message }
            return "\(field): \(message)"
        case let list as [Any]:
            let texts = list.prefix(5).compactMap(complaint)
            return texts.isEmpty ? nil : texts.joined(separator: "; ")
        default: return nil
        }
    }
}

/// Server-sent events of which only the data counts: each says in itself of which type it is.
enum EngineEvents {
    /// The objects in the order in which they came. What is no JSON object is left out.
    static func objects(_ body: [UInt8]) -> [EngineObject] {
        var objects: [EngineObject] = []
        var data: [UInt8] = []
        // The empty line at the end closes an event that the sender did not.
        for line in body.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) + [[]] {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if line.isEmpty {
                if !data.isEmpty, let object = EngineObject(data) { objects.append(object) }
                data = []
            } else if let part = Self.data(line) {
                data += part
            }
        }
        return objects
    }

    /// What stands behind `data:` in a line; nil for other lines.
    static func data(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard line.starts(with: "data:".utf8) else { return nil }
        let rest = line.dropFirst(5)
        return rest.first == UInt8(ascii: " ") ? rest.dropFirst() : rest
    }
}
