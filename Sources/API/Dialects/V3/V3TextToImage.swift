import Domain
import Foundation

/// The body of `POST /v3/async/txt2img`, as Novita's SDK sends it: `{"extra": {...}, "request": {...}}`.
///
/// What would change the picture and cannot be had is refused. What this model has no use for (steps, guidance, sampler,
/// negative prompt) is ignored, because the SDK always sends some of it.
struct V3TextToImage {
    private let model: String
    private let prompt: String
    private let size: ImageSize
    private let seed: Int64?
    private let format: ImageFormat
    private let nsfwCheck: Bool
    private let callbackURL: String?

    /// Reads and checks a body; each error names its field.
    init(body: Data, egress: EgressRule) throws(APIError) {
        let wire = try Fields.decode(Wire.self, from: body)
        guard let request = wire.request else {
            throw .invalid("request", "request is required: an object with model_name and prompt.")
        }
        guard let name = request.model, !name.isEmpty else {
            throw .invalid("request.model_name", "request.model_name is required: for example \(V3Fields.model).")
        }
        model = try Fields.model(name)
        prompt = try Fields.prompt(request.prompt)
        size = ImageSize(width: request.width ?? Self.side, height: request.height ?? Self.side)
        try V3Fields.check(size, param: "request.width, request.height")
        seed = try V3Fields.seed(request.seed, param: "request.seed")
        guard (request.count ?? 1) == 1 else {
            throw .invalid("request.image_num", "request.image_num must be 1: submit once for each image.")
        }
        if let name = request.refused {
            throw .invalid("request.\(name)", "request.\(name) is not offered for this model: leave it out.")
        }
        format = try V3Fields.format(wire.extra?.imageType, standard: .png, param: "extra.response_image_type")
        nsfwCheck = wire.extra?.nsfwCheck ?? false
        callbackURL = try wire.extra?.callbackURL(egress)
    }

    /// What the SDK sends when width or height are not given.
    private static let side = 512

    /// The request in no dialect's words.
    var checked: CheckedRequest {
        CheckedRequest(
            model: model,
            image: ImageRequest(
                prompt: prompt, sizeText: nil, size: size, seed: seed ?? Int64.random(in: Limits.seeds), format: format,
                nsfwCheck: nsfwCheck),
            callbackURL: callbackURL,
            canonical: [
                ("route", .string("txt2img")), ("model", .string(model)), ("prompt", .string(prompt)),
                ("width", .int(Int64(size.width))), ("height", .int(Int64(size.height))),
                ("seed", seed.map(JSON.int) ?? .null), ("output_format", .string(format.rawValue)),
                ("enable_nsfw_detection", .bool(nsfwCheck)), ("webhook", .optional(callbackURL)),
            ])
    }
}

/// The fields as they come, each of the right type or absent.
private struct Wire: Decodable {
    let request: WireRequest?
    let extra: V3Extra?

    private enum CodingKeys: String, CodingKey {
        case request, extra
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        request = try fields.field(.request, WireRequest.self, "an object")
        extra = try fields.field(.extra, V3Extra.self, "an object")
    }
}

private struct WireRequest: Decodable {
    let model: String?
    let prompt: String?
    let width: Int?
    let height: Int?
    let count: Int?
    let seed: Int64?
    /// The first field that is given and cannot be honoured.
    let refused: String?

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case prompt, width, height, seed, loras, embeddings, refiner, controlnet
        case model = "model_name"
        case count = "image_num"
        case vae = "sd_vae"
        case hiresFix = "hires_fix"
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        model = try fields.field(.model, String.self, "a string")
        prompt = try fields.field(.prompt, String.self, "a string")
        width = try fields.field(.width, Int.self, "an integer from 256 to 1536")
        height = try fields.field(.height, Int.self, "an integer from 256 to 1536")
        count = try fields.field(.count, Int.self, "the number 1")
        seed = try fields.field(.seed, Int64.self, "an integer from -1 to 2147483647")
        let unknown: [CodingKeys] = [.loras, .embeddings, .vae, .hiresFix, .refiner, .controlnet]
        refused = try unknown.first { try fields.decodeIfPresent(Presence.self, forKey: $0)?.isGiven ?? false }?.rawValue
    }
}
