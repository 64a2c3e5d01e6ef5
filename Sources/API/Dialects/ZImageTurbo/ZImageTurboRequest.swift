import Domain
import Foundation

/// The body of `POST /api/generate`. Unknown fields are ignored: clients send `width`, `model` and others that are documented
/// nowhere.
struct ZImageTurboRequest {
    private static let model = "z-image-turbo"
    private static let ratios: [AspectRatio] = [.square, .landscape4x3, .portrait3x4, .landscape16x9, .portrait9x16]

    private let prompt: String
    private let ratio: AspectRatio

    /// Reads and checks a body; each error names its field.
    init(body: Data) throws(APIError) {
        let wire = try Fields.decode(Wire.self, from: body)
        prompt = try Fields.prompt(wire.prompt, charactersMax: Limits.promptCharactersMaxZImageTurbo)
        guard let ratio = Self.ratios.first(where: { $0.rawValue == wire.ratio }) else {
            let names = Self.ratios.map(\.rawValue).joined(separator: ", ")
            throw .invalid("aspect_ratio", "aspect_ratio is required and must be one of \(names).")
        }
        self.ratio = ratio
    }

    /// The request in no dialect's words.
    var checked: CheckedRequest {
        CheckedRequest(
            model: Self.model,
            image: ImageRequest(
                prompt: prompt, sizeText: ratio.rawValue, size: ratio.size, seed: Int64.random(in: Limits.seeds), format: .webp,
                nsfwCheck: false),
            callbackURL: nil, canonical: [("prompt", .string(prompt)), ("aspect_ratio", .string(ratio.rawValue))])
    }
}

private struct Wire: Decodable {
    let prompt: String?
    let ratio: String?

    private enum CodingKeys: String, CodingKey {
        case prompt
        case ratio = "aspect_ratio"
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        prompt = try fields.field(.prompt, String.self, "a string")
        ratio = try fields.field(.ratio, String.self, "a string such as 16:9")
    }
}
