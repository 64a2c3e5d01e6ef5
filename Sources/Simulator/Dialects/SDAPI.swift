import Domain
import Foundation
import Providers

/// The API of AUTOMATIC1111, of which sd-server has these routes: JSON with base64 in it, and a white mask is repainted.
extension OpenAIImages {
    static let txt2img = "/sdapi/v1/txt2img"
    static let img2img = "/sdapi/v1/img2img"

    var options: JSON {
        .object([("samples_format", .string("png")), ("sd_model_checkpoint", .string(Self.model))])
    }

    func sdapiOrder(_ call: Call) throws(Refusal) -> (SimulatedOrder, PreparedInputs?) {
        let fields = try Fields(json: call.body)
        let (width, height) = (try fields.int("width", in: 1...4096) ?? 512, try fields.int("height", in: 1...4096) ?? 512)
        let seed = try fields.int("seed", in: -1...4_294_967_295) ?? -1
        _ = try fields.int("steps", in: 1...200)
        _ = try fields.number("cfg_scale", in: 0...30)
        var order = SimulatedOrder(
            prompt: try fields.prompt(charactersMax: nil), model: Self.model, size: try Self.size("\(width)x\(height)"),
            sizeText: "\(width)x\(height)", seed: seed == -1 ? .random(in: 1...2_147_483_647) : seed, format: .png)
        (order.hasSeed, order.isInline, order.isSDAPI) = (seed != -1, true, true)
        guard call.path == Self.img2img else { return (order, nil) }
        guard let image = try fields.strings("init_images").first else {
            throw Refusal(.badPicture, "init_images has no picture.", param: "init_images")
        }
        let mask = try fields.string("mask")
        order.operation = mask == nil ? .edit : .inpaint
        return (order, try Pictures.prepare(
            image: try Self.file(image, "init_images"), mask: try mask.map { text throws(Refusal) in try Self.file(text, "mask") },
            strength: try fields.number("denoising_strength", in: 0...1) ?? 0.75, size: order.size, byColour: true))
    }

    private static func file(_ base64: String, _ param: String) throws(Refusal) -> [UInt8] {
        guard let data = Data(base64Encoded: base64) else { throw Refusal(.badPicture, "\(param) is no base64.", param: param) }
        return Array(data)
    }
}
