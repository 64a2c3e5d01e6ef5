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
    let pictures: Int
    let callbackURL: String?
    /// A URL or a data URI, as it was written; `InputIntake` checks it and the two below.
    let image: String?
    let mask: String?
    let strength: Double?

    /// Reads and checks a body; each error names its field.
    init(body: Data, egress: EgressRule) throws(APIError) {
        let wire = try Fields.decode(Wire.self, from: body)
        model = try Fields.model(wire.model)
        prompt = try Fields.prompt(wire.prompt)
        sizeText = wire.size
        size = try Self.size(wire.size)
        seed = try Fields.seed(wire.seed)
        nsfwCheck = wire.nsfwCheck ?? false
        callbackURL = try Fields.callback(wire.callbackURL, egress)
        image = wire.image
        mask = wire.mask
        strength = wire.strength
        pictures = try Fields.pictures(wire.count)
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

    /// The request in no dialect's words.
    var checked: CheckedRequest {
        CheckedRequest(
            model: model,
            image: ImageRequest(
                prompt: prompt, sizeText: sizeText, size: size, seed: seed ?? Int64.random(in: Limits.seeds), format: .webp,
                nsfwCheck: nsfwCheck, pictures: pictures),
            callbackURL: callbackURL,
            canonical: [
                ("model", .string(model)), ("prompt", .string(prompt)), ("size", .optional(sizeText)),
                ("seed", seed.map(JSON.int) ?? .null), ("nsfw_check", .bool(nsfwCheck)), ("callback_url", .optional(callbackURL)),
                ("image_url", .optional(image)), ("mask", .optional(mask)),
                ("strength", strength.map { .raw("\($0)") } ?? .null),
            ] + Fields.canonical(pictures: pictures))
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
    let image: String?
    let mask: String?
    let strength: Double?
    let count: Int64?

    private enum CodingKeys: String, CodingKey {
        case model, prompt, size, seed, mask, strength
        case image = "image_url"
        case nsfwCheck = "nsfw_check"
        case callbackURL = "callback_url"
        case count = "n"
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        model = try fields.field(.model, String.self, "a string")
        prompt = try fields.field(.prompt, String.self, "a string")
        size = try fields.field(.size, String.self, "a string such as 1:1 or 1024x768")
        seed = try fields.field(.seed, Int64.self, "an integer from 1 to 2147483647")
        nsfwCheck = try fields.field(.nsfwCheck, Bool.self, "true or false")
        callbackURL = try fields.field(.callbackURL, String.self, "a string")
        image = try fields.field(.image, String.self, "a string: an https URL or a data URI")
        mask = try fields.field(.mask, String.self, "a string: an https URL or a data URI")
        strength = try fields.field(.strength, Double.self, "a number from 0 to 1")
        count = try fields.field(.count, Int64.self, "an integer from 1 to 4")
    }
}
