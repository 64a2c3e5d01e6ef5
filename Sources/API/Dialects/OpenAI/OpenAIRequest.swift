import Domain
import Foundation

/// A request for an image, checked, but for the pictures that an edit brings.
struct OpenAIRequest {
    /// What a request that names no model gets.
    static let standardModel = "z-image-turbo"
    /// The models' own range, wider than the unified dialect's, because 256x256 is a size that OpenAI's clients know.
    private static let sidePixels = 256...1536

    let fields: OpenAIFields
    let model: String
    let prompt: String
    /// Nil for `auto`.
    let size: ImageSize?
    /// Nil for a random one.
    private let seed: Int64?

    init(_ fields: OpenAIFields) throws(APIError) {
        self.fields = fields
        model = try Fields.model(fields.model ?? Self.standardModel)
        prompt = try Fields.prompt(fields.prompt)
        size = try Self.size(fields.size)
        seed = try Fields.seed(fields.seed)
    }

    private static func size(_ text: String?) throws(APIError) -> ImageSize? {
        guard let text, text != "auto" else { return nil }
        if let ratio = AspectRatio(rawValue: text) { return ratio.size }
        guard let size = ImageSize(text: text, separator: "x"), sidePixels.contains(size.width), sidePixels.contains(size.height)
        else {
            throw .invalid(
                "size", "size must be auto, a ratio such as 16:9, or WxH with \(sidePixels.lowerBound) to "
                    + "\(sidePixels.upperBound) pixels a side, such as 1024x1024 or 1536x1024.")
        }
        return size
    }

    /// The request in no dialect's words. How the picture is delivered is no part of it: a repeated request may want the
    /// same picture otherwise.
    func checked(size: ImageSize, inputs: ImageInputs? = nil, also: [(String, JSON)] = []) -> CheckedRequest {
        let image = ImageRequest(
            prompt: prompt, sizeText: fields.size, size: size, seed: seed ?? Int64.random(in: Limits.seeds),
            format: fields.format, nsfwCheck: fields.nsfwCheck, inputs: inputs, pictures: fields.pictures)
        return CheckedRequest(
            model: model, image: image, callbackURL: nil,
            canonical: [
                ("model", .string(model)), ("prompt", .string(prompt)), ("size", .optional(fields.size)),
                ("seed", seed.map(JSON.int) ?? .null), ("nsfw_check", .bool(fields.nsfwCheck)),
                ("output_format", .string(fields.format.rawValue)),
            ] + Fields.canonical(pictures: fields.pictures) + also)
    }
}
