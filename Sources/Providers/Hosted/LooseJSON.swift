import Foundation

/// A JSON value as hosts write it. They disagree with their own pages about types: a number comes as a text, a list as the text
/// of a list, one thing instead of a list of it. So a value is read as what is wanted, and whatever is not there is null.
enum LooseJSON: Decodable, Sendable, Equatable {
    case null
    case bool(Bool)
    case number(Decimal)
    case text(String)
    case list([LooseJSON])
    case object([String: LooseJSON])

    /// Null where the bytes are no JSON.
    init(_ bytes: [UInt8]) { self = (try? JSONDecoder().decode(LooseJSON.self, from: Data(bytes))) ?? .null }

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let members = try? value.decode([String: LooseJSON].self) {
            self = .object(members)
        } else if let values = try? value.decode([LooseJSON].self) {
            self = .list(values)
        } else if let flag = try? value.decode(Bool.self) {
            self = .bool(flag)
        } else {
            // A number that no decimal holds says nothing, and must not spoil the rest.
            self = (try? value.decode(Decimal.self)).map(LooseJSON.number) ?? .null
        }
    }

    subscript(name: String) -> LooseJSON {
        guard case .object(let members) = self else { return .null }
        return members[name] ?? .null
    }

    var isObject: Bool {
        guard case .object = self else { return false }
        return true
    }

    /// A text that is not empty, or the digits of a number.
    var text: String? {
        switch self {
        case .text(let text): text.isEmpty ? nil : text
        case .number(let number): "\(number)"
        default: nil
        }
    }

    /// A number, or a text that is one and nothing else.
    var number: Decimal? {
        switch self {
        case .number(let number): return number
        case .text(let text):
            guard text.wholeMatch(of: /-?[0-9]{1,24}(\.[0-9]{1,12})?/) != nil else { return nil }
            return Decimal(string: text, locale: Locale(identifier: "en_US_POSIX"))
        default: return nil
        }
    }

    /// The same without what is behind the point; nil where it is larger than any count or time of a task.
    var whole: Int? { number.flatMap { abs($0) < 1e15 ? Int(truncating: $0 as NSDecimalNumber) : nil } }

    /// Whether it says yes.
    var isTrue: Bool {
        switch self {
        case .bool(let flag): flag
        case .number(let number): number != 0
        case .text(let text): text.lowercased() == "true"
        default: false
        }
    }

    /// The values of a list, of a text that holds a list, or the one that stands in for a list of it.
    var values: [LooseJSON] {
        switch self {
        case .null: return []
        case .list(let values): return values
        case .text(let text):
            let start = text.drop(while: \.isWhitespace).first
            if start == "[", case .list(let values) = LooseJSON(Array(text.utf8)) { return values }
            return text.isEmpty ? [] : [self]
        default: return [self]
        }
    }

    /// The addresses of pictures in a list: texts, or objects that have one. Only absolute ones: others would be asked for with
    /// the key.
    var links: [String] {
        values.compactMap { value in
            let text = value.isObject ? value["image_url"].text ?? value["url"].text : value.text
            return text.flatMap { $0.hasPrefix("https://") || $0.hasPrefix("http://") ? $0 : nil }
        }
    }
}
