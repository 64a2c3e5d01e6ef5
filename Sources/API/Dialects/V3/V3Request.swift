import Domain
import Foundation

/// The body of `POST /v3/async/z-image-turbo`, checked field by field. Unknown fields are ignored, null is absent.
struct V3Request {
    private let prompt: String
    private let sizeText: String?
    private let size: ImageSize
    private let seed: Int64?
    private let format: ImageFormat
    private let isInline: Bool
    private let nsfwCheck: Bool
    /// A URL or a data URI, as it was written; `InputIntake` checks it and the two below.
    let imageURL: String?
    let mask: String?
    let strength: Double?
    private let callbackURL: String?

    /// Reads and checks a body; each error names its field.
    init(body: Data, egress: EgressRule) throws(APIError) {
        let wire = try Fields.decode(Wire.self, from: body)
        prompt = try Fields.prompt(wire.prompt)
        sizeText = wire.size
        size = try Self.size(wire.size)
        seed = try V3Fields.seed(wire.seed)
        format = try V3Fields.format(wire.outputFormat, standard: .webp, param: "output_format")
        isInline = wire.base64 ?? false
        nsfwCheck = wire.extra?.nsfwCheck ?? false
        imageURL = wire.imageURL.flatMap { $0.isEmpty ? nil : $0 }
        mask = wire.mask.flatMap { $0.isEmpty ? nil : $0 }
        strength = wire.strength
        callbackURL = try wire.extra?.callbackURL(egress)
    }

    private static func size(_ text: String?) throws(APIError) -> ImageSize {
        guard let text else { return .standard }
        guard let size = ImageSize(text: text, separator: "*") else {
            throw .invalid("size", "size must be width*height, such as 1024*768.")
        }
        try V3Fields.check(size, param: "size")
        return size
    }

    /// The request in no dialect's words, without its pictures.
    var checked: CheckedRequest {
        CheckedRequest(
            model: V3Fields.model,
            image: ImageRequest(
                prompt: prompt, sizeText: sizeText, size: size, seed: seed ?? Int64.random(in: Limits.seeds), format: format,
                nsfwCheck: nsfwCheck, isInline: isInline),
            callbackURL: callbackURL,
            canonical: [
                ("route", .string("z-image-turbo")), ("prompt", .string(prompt)), ("size", .optional(sizeText)),
                ("seed", seed.map(JSON.int) ?? .null), ("output_format", .string(format.rawValue)),
                ("enable_base64_output", .bool(isInline)), ("enable_nsfw_detection", .bool(nsfwCheck)),
                ("image_url", .optional(imageURL)), ("mask", .optional(mask)),
                ("strength", strength.map { .raw("\($0)") } ?? .null), ("webhook", .optional(callbackURL)),
            ])
    }
}

/// The fields as they come, each of the right type or absent.
private struct Wire: Decodable {
    let prompt: String?
    let size: String?
    let seed: Int64?
    let outputFormat: String?
    let base64: Bool?
    let imageURL: String?
    let mask: String?
    let strength: Double?
    let extra: V3Extra?

    private enum CodingKeys: String, CodingKey {
        case prompt, size, seed, mask, strength, extra
        case outputFormat = "output_format"
        case base64 = "enable_base64_output"
        case imageURL = "image_url"
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        prompt = try fields.field(.prompt, String.self, "a string")
        size = try fields.field(.size, String.self, "a string such as 1024*768")
        seed = try fields.field(.seed, Int64.self, "an integer from -1 to 2147483647")
        outputFormat = try fields.field(.outputFormat, String.self, "jpeg, png or webp")
        base64 = try fields.field(.base64, Bool.self, "true or false")
        imageURL = try fields.field(.imageURL, String.self, "a string")
        mask = try fields.field(.mask, String.self, "a string")
        strength = try fields.field(.strength, Double.self, "a number from 0 to 1")
        extra = try fields.field(.extra, V3Extra.self, "an object")
    }
}
