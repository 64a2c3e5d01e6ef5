import Domain

/// The fields of both image requests, each of the right type and one of its values. Unknown fields are ignored and null is
/// absent, as everywhere. `quality`, `style`, `user` and the like are checked and change nothing: the models have one
/// quality, and no field of ours says who asks.
struct OpenAIFields: Decodable {
    let model: String?
    let prompt: String?
    let size: String?
    let seed: Int64?
    let strength: Double?
    let nsfwCheck: Bool
    let quality: String
    let format: ImageFormat
    let isLinkWanted: Bool
    let stream: Bool
    let pictures: Int

    private enum CodingKeys: String, CodingKey {
        case model, prompt, size, seed, strength, quality, style, background, moderation, user, stream, n, markup
        case nsfwCheck = "nsfw_check"
        case responseFormat = "response_format"
        case outputFormat = "output_format"
        case outputCompression = "output_compression"
        case partialImages = "partial_images"
        case inputFidelity = "input_fidelity"
        case safetyIdentifier = "safety_identifier"
    }

    /// Fields that a form sends as text and JSON as something else, for ``OpenAIForm``.
    static let wholeNumbers: Set = ["n", "seed", "output_compression", "partial_images"]
    static let numbers: Set = ["strength"]
    static let switches: Set = ["stream", "nsfw_check"]

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        model = try fields.field(.model, String.self, "a string")
        prompt = try fields.field(.prompt, String.self, "a string")
        size = try fields.field(.size, String.self, "auto, a ratio such as 1:1, or WxH such as 1024x768")
        seed = try fields.field(.seed, Int64.self, "an integer from 1 to 2147483647")
        strength = try fields.field(.strength, Double.self, "a number from 0 to 1")
        nsfwCheck = try fields.field(.nsfwCheck, Bool.self, "true or false") ?? false
        stream = try fields.field(.stream, Bool.self, "true or false") ?? false
        quality = try fields.word(.quality, ["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"]) ?? "auto"
        let formats = ImageFormat.allCases.map(\.rawValue)
        format = try fields.word(.outputFormat, formats).flatMap { ImageFormat(rawValue: $0) } ?? .png
        isLinkWanted = try fields.word(.responseFormat, ["url", "b64_json"]) != "b64_json"
        _ = try fields.word(.background, ["auto", "opaque"], "; pictures have no transparent parts")
        _ = try fields.word(.moderation, ["auto", "low"])
        _ = try fields.word(.style, ["vivid", "natural"])
        _ = try fields.word(.inputFidelity, ["low", "high"])
        _ = try fields.field(.user, String.self, "a string")
        _ = try fields.field(.safetyIdentifier, String.self, "a string")
        try fields.range(.outputCompression, 0...100)
        try fields.range(.partialImages, 0...3)
        pictures = try Fields.pictures(try fields.field(.n, Int64.self, "an integer from 1 to 4"))
        if fields.contains(.markup), try !fields.decodeNil(forKey: .markup) {
            throw APIError.invalid("markup", "markup is not supported: send a mask, whose transparent pixels are edited.")
        }
    }
}

extension KeyedDecodingContainer {
    fileprivate func word(_ key: Key, _ words: [String], _ why: String = "") throws -> String? {
        let list = "one of \(words.joined(separator: ", "))\(why)"
        guard let text = try field(key, String.self, list) else { return nil }
        guard words.contains(text) else { throw APIError.invalid(key.stringValue, "\(key.stringValue) must be \(list).") }
        return text
    }

    fileprivate func range(_ key: Key, _ range: ClosedRange<Int64>) throws {
        let word = "an integer from \(range.lowerBound) to \(range.upperBound)"
        guard let number = try field(key, Int64.self, word), !range.contains(number) else { return }
        throw APIError.invalid(key.stringValue, "\(key.stringValue) must be \(word).")
    }
}
