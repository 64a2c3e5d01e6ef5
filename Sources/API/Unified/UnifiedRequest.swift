import Domain
import Foundation

/// The body of `POST /v1/images/generations`, checked field by field. Unknown fields are ignored, null is absent.
struct UnifiedRequest {
    let model: String
    let prompt: String
    let sizeText: String?
    let size: ImageSize
    let seed: Int64?
    let nsfwCheck: Bool
    let callbackURL: String?

    /// Reads and checks a body; each error names its field.
    init(body: Data, egress: EgressRule) throws(APIError) {
        guard !body.isEmpty else { throw .invalid(nil, "The request body is empty: send a JSON object.") }
        let wire: Wire
        do { wire = try JSONDecoder().decode(Wire.self, from: body) } catch let error as APIError { throw error } catch {
            throw .invalid(nil, "The request body is not a JSON object: check its syntax.")
        }
        guard let model = wire.model, !model.isEmpty else {
            throw .invalid("model", "model is required: for example z-image-turbo.")
        }
        guard model.utf8.count <= 128, !model.unicodeScalars.contains("\0") else {
            throw .invalid("model", "model is at most 128 characters.")
        }
        self.model = model
        prompt = try Self.prompt(wire.prompt)
        sizeText = wire.size
        size = try Self.size(wire.size)
        if let seed = wire.seed, !Limits.seeds.contains(seed) {
            throw .invalid("seed", "seed must be 1 to 2147483647; leave it out for a random one.")
        }
        seed = wire.seed
        nsfwCheck = wire.nsfwCheck ?? false
        callbackURL = try Self.callback(wire.callbackURL, egress)
    }

    private static func prompt(_ text: String?) throws(APIError) -> String {
        guard let text, text.contains(where: { !$0.isWhitespace }) else {
            throw .invalid("prompt", "prompt is required: describe the image.")
        }
        guard text.unicodeScalars.count <= Limits.promptCharactersMax else {
            throw .invalid("prompt", "prompt is limited to \(Limits.promptCharactersMax) characters.")
        }
        // PostgreSQL cannot store it, and no picture needs it.
        guard !text.unicodeScalars.contains("\0") else {
            throw .invalid("prompt", "prompt must not contain the NUL character.")
        }
        return text
    }

    private static func size(_ text: String?) throws(APIError) -> ImageSize {
        guard let text else { return .standard }
        if let ratio = AspectRatio(rawValue: text) { return ratio.size }
        guard let size = ImageSize(text: text, separator: "x") else {
            let ratios = AspectRatio.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid("size", "size must be one of \(ratios), or WxH such as 1024x768.")
        }
        guard Limits.sidePixels.contains(size.width), Limits.sidePixels.contains(size.height) else {
            throw .invalid(
                "size",
                "size: width and height must be \(Limits.sidePixels.lowerBound) to \(Limits.sidePixels.upperBound) pixels.")
        }
        return size
    }

    private static func callback(_ text: String?, _ egress: EgressRule) throws(APIError) -> String? {
        guard let text else { return nil }
        do throws(CallbackURLError) { return try CallbackURL(text, egress: egress).text } catch {
            throw .invalid("callback_url", error.description)
        }
    }

    /// The request in a fixed form, for the comparison of repeated idempotency keys: as the customer sent it, without
    /// the seed that we draw.
    var canonicalText: String {
        JSON.object([
            ("dialect", .string("unified")), ("model", .string(model)), ("prompt", .string(prompt)),
            ("size", .optional(sizeText)), ("seed", seed.map(JSON.int) ?? .null), ("nsfw_check", .bool(nsfwCheck)),
            ("callback_url", .optional(callbackURL)),
        ]).text
    }
}

/// The fields as they come, each of the right type or absent.
private struct Wire: Decodable {
    let model: String?
    let prompt: String?
    let size: String?
    let seed: Int64?
    let nsfwCheck: Bool?
    let callbackURL: String?

    private enum CodingKeys: String, CodingKey {
        case model, prompt, size, seed
        case nsfwCheck = "nsfw_check"
        case callbackURL = "callback_url"
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        func field<T: Decodable>(_ key: CodingKeys, _ type: T.Type, _ word: String) throws -> T? {
            do { return try fields.decodeIfPresent(type, forKey: key) } catch {
                throw APIError.invalid(key.rawValue, "\(key.rawValue) must be \(word).")
            }
        }
        model = try field(.model, String.self, "a string")
        prompt = try field(.prompt, String.self, "a string")
        size = try field(.size, String.self, "a string such as 1:1 or 1024x768")
        seed = try field(.seed, Int64.self, "an integer from 1 to 2147483647")
        nsfwCheck = try field(.nsfwCheck, Bool.self, "true or false")
        callbackURL = try field(.callbackURL, String.self, "a string")
    }
}
