import Foundation

/// A JSON value as a caller sent it.
enum Value: Decodable, Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int64)
    case number(Double)
    case string(String)
    case list([Value])
    case object([String: Value])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let int = try? value.decode(Int64.self) {
            self = .int(int)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .string(text)
        } else if let list = try? value.decode([Value].self) {
            self = .list(list)
        } else {
            self = .object(try value.decode([String: Value].self))
        }
    }

    /// Reads a text; nil when it is no JSON.
    init?(_ bytes: [UInt8]) {
        guard let value = try? JSONDecoder().decode(Value.self, from: Data(bytes)) else { return nil }
        self = value
    }
}

/// The fields of a request. A null is the same as no field.
struct Fields: Sendable {
    private let values: [String: Value]

    init(_ values: [String: Value]) { self.values = values }

    /// The fields of a body in JSON.
    init(json body: [UInt8]) throws(Refusal) {
        guard case .object(let values)? = Value(body) else {
            throw Refusal(.invalid, "The request body is not a JSON object.")
        }
        self.values = values
    }

    /// Those of a field that is an object itself; none where it is absent.
    func inside(_ name: String) throws(Refusal) -> Fields {
        switch values[name] {
        case nil, .null?: return Fields([:])
        case .object(let inner)?: return Fields(inner)
        default: throw Refusal(.invalid, "\(name) must be an object.", param: name)
        }
    }

    func string(_ name: String) throws(Refusal) -> String? {
        switch values[name] {
        case nil, .null?: return nil
        case .string(let text)?: return text
        default: throw Refusal(.invalid, "\(name) must be a string.", param: name)
        }
    }

    /// The texts of a list; none where it is absent.
    func strings(_ name: String) throws(Refusal) -> [String] {
        guard let value = values[name], value != .null else { return [] }
        guard case .list(let list) = value else { throw Refusal(.invalid, "\(name) must be a list.", param: name) }
        var texts: [String] = []
        for element in list {
            guard case .string(let text) = element else { throw Refusal(.invalid, "\(name) must hold strings.", param: name) }
            texts.append(text)
        }
        return texts
    }

    func int(_ name: String, in range: ClosedRange<Int64>) throws(Refusal) -> Int64? {
        switch values[name] {
        case nil, .null?: return nil
        case .int(let number)? where range.contains(number): return number
        default:
            throw Refusal(
                .invalid, "\(name) must be an integer from \(range.lowerBound) to \(range.upperBound).", param: name)
        }
    }

    func number(_ name: String, in range: ClosedRange<Double>) throws(Refusal) -> Double? {
        switch values[name] {
        case nil, .null?: return nil
        case .int(let number)? where range.contains(Double(number)): return Double(number)
        case .number(let number)? where range.contains(number): return number
        default:
            throw Refusal(.invalid, "\(name) must be a number from \(range.lowerBound) to \(range.upperBound).", param: name)
        }
    }

    func bool(_ name: String) throws(Refusal) -> Bool? {
        switch values[name] {
        case nil, .null?: return nil
        case .bool(let value)?: return value
        default: throw Refusal(.invalid, "\(name) must be true or false.", param: name)
        }
    }

    /// A prompt, which every dialect requires.
    func prompt(charactersMax: Int?) throws(Refusal) -> String {
        guard let text = try string("prompt"), !text.isEmpty else {
            throw Refusal(.invalid, "prompt is required.", param: "prompt")
        }
        if let charactersMax, text.unicodeScalars.count > charactersMax {
            throw Refusal(.invalid, "prompt must be at most \(charactersMax) characters.", param: "prompt")
        }
        return text
    }
}
