import Domain
import Foundation

/// Checks of fields that several dialects have; each error names its field.
enum Fields {
    /// The fields of a JSON body.
    static func decode<Wire: Decodable>(_ type: Wire.Type, from body: Data) throws(APIError) -> Wire {
        guard !body.isEmpty else { throw .invalid(nil, "The request body is empty: send a JSON object.") }
        do { return try JSONDecoder().decode(type, from: body) } catch let error as APIError { throw error } catch {
            throw .invalid(nil, "The request body is not a JSON object: check its syntax.")
        }
    }

    static func model(_ text: String?) throws(APIError) -> String {
        guard let text, !text.isEmpty else { throw .invalid("model", "model is required: for example z-image-turbo.") }
        guard text.unicodeScalars.count <= 128, !text.unicodeScalars.contains("\0") else {
            throw .invalid("model", "model is at most 128 characters.")
        }
        return text
    }

    static func prompt(_ text: String?, charactersMax: Int = Limits.promptCharactersMax) throws(APIError) -> String {
        guard let text, text.contains(where: { !$0.isWhitespace }) else {
            throw .invalid("prompt", "prompt is required: describe the image.")
        }
        guard text.unicodeScalars.count <= charactersMax else {
            throw .invalid("prompt", "prompt is limited to \(charactersMax) characters.")
        }
        // PostgreSQL cannot store it, and no picture needs it.
        guard !text.unicodeScalars.contains("\0") else {
            throw .invalid("prompt", "prompt must not contain the NUL character.")
        }
        return text
    }

    /// Nil stands for a random one.
    static func seed(_ seed: Int64?) throws(APIError) -> Int64? {
        guard let seed, !Limits.seeds.contains(seed) else { return seed }
        throw .invalid("seed", "seed must be 1 to 2147483647; leave it out for a random one.")
    }

    /// How many pictures one task makes; absent is one.
    static func pictures(_ count: Int64?) throws(APIError) -> Int {
        guard let count else { return 1 }
        guard let pictures = Int(exactly: count), Limits.pictures.contains(pictures) else {
            let (least, most) = (Limits.pictures.lowerBound, Limits.pictures.upperBound)
            throw .invalid("n", "n must be \(least) to \(most): a task makes at most \(most) pictures; send more requests for more.")
        }
        return pictures
    }

    /// The number of pictures in the comparison of repeated idempotency keys. One is what requests asked for before there was
    /// a choice, and their keys go on.
    static func canonical(pictures: Int) -> [(String, JSON)] { pictures == 1 ? [] : [("n", .int(Int64(pictures)))] }

    static func callback(_ text: String?, _ egress: EgressRule, param: String = "callback_url") throws(APIError) -> String? {
        guard let text else { return nil }
        do throws(CallbackURLError) { return try CallbackURL(text, egress: egress).text } catch {
            throw .invalid(param, error.description)
        }
    }
}

/// A value of which only matters whether there is one: null, `{}`, `[]`, false and an empty text are none.
struct Presence: Decodable {
    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    let isGiven: Bool

    init(from decoder: any Decoder) throws {
        if let members = try? decoder.container(keyedBy: AnyKey.self) {
            isGiven = !members.allKeys.isEmpty
        } else if let list = try? decoder.unkeyedContainer() {
            isGiven = !list.isAtEnd
        } else {
            let value = try decoder.singleValueContainer()
            isGiven = !(value.decodeNil() || (try? value.decode(String.self)) == "" || (try? value.decode(Bool.self)) == false)
        }
    }
}

extension KeyedDecodingContainer {
    /// A field of the right type, or nil where it is absent or null.
    /// - Parameter word: what it must be, for the message.
    func field<T: Decodable>(_ key: Key, _ type: T.Type, _ word: String) throws -> T? {
        do { return try decodeIfPresent(type, forKey: key) } catch let error as APIError { throw error } catch {
            let path = (codingPath + [key]).map(\.stringValue).joined(separator: ".")
            throw APIError.invalid(path, "\(path) must be \(word).")
        }
    }
}
