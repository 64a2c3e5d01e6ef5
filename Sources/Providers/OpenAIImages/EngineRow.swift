import Domain

/// A field of a request to an engine, by its name on the wire.
enum EngineField: String {
    case image, mask, model, prompt, size, seed, strength, stream
    case count = "n"
    case steps = "num_inference_steps"
    case guidance = "guidance_scale"
    case responseFormat = "response_format"
    case outputFormat = "output_format"
    // In the API of AUTOMATIC1111.
    case width, height
    case plainSteps = "steps"
    case cfgScale = "cfg_scale"
    case batchSize = "batch_size"
    case initImages = "init_images"
    case denoising = "denoising_strength"
    case maskedFill = "inpainting_fill"
    case maskedAreaAlone = "inpaint_full_res"
}

/// Where an engine is asked for pictures.
enum EngineAPI {
    case openAI, sdapi

    var generatePath: String { self == .openAI ? "/v1/images/generations" : "/sdapi/v1/txt2img" }
    var editPath: String { self == .openAI ? "/v1/images/edits" : "/sdapi/v1/img2img" }
    /// Where it tells which model it has.
    var modelPath: String { self == .openAI ? "/v1/models" : "/sdapi/v1/options" }
}

/// What one program behind the OpenAI Images API understands. A field that is not in its lists is never sent: some programs
/// refuse what they do not know, and others read file paths from it.
struct EngineRow: Sendable {
    /// The routes; by them pictures to start from are in a form or in JSON.
    var api = EngineAPI.openAI
    /// The fields of a request for a picture from a prompt alone, in the order in which they are sent.
    var generate: [EngineField]
    /// The fields where there are pictures to start from; empty where pictures to start from are refused or, worse, ignored.
    var edit: [EngineField] = []
    /// What to send for eight passes of the network, the schedule that Z-Image-Turbo was made for.
    var steps = 8
    /// Whether the work ends when the connection is closed.
    var stopsOnDisconnect = false
    /// Whether a picture may come as a link, where the program does not let us ask for the picture itself.
    var links = false
    /// Whether `GET /health` says if the model is loaded.
    var hasHealth = false
    /// Whether everything behind a `|` in a prompt counts as what not to draw.
    var splitsPromptAtBar = false

    /// A mask that would be ignored makes a wrong picture, so only those inpaint whose list has the mask.
    var operations: Set<TaskOperation> {
        var operations: Set<TaskOperation> = [.generate]
        if edit.contains(.image) || edit.contains(.initImages) { operations.insert(.edit) }
        if edit.contains(.mask) { operations.insert(.inpaint) }
        return operations
    }

    var capabilities: Capabilities {
        // Sizes are rounded up for the engine and cropped here, and every picture is encoded here.
        Capabilities(
            operations: operations, sizes: .sides(Limits.sidePixelsV3), formats: Set(ImageFormat.allCases),
            takesSeed: generate.contains(.seed), reportsProgress: generate.contains(.stream), cancels: stopsOnDisconnect,
            answersAtOnce: true)
    }
}

extension EngineDialect {
    var row: EngineRow {
        switch self {
        case .reference:
            EngineRow(
                generate: [
                    .model, .prompt, .count, .size, .seed, .steps, .guidance, .responseFormat, .outputFormat, .stream,
                ],
                edit: [
                    .image, .mask, .model, .prompt, .count, .size, .seed, .strength, .steps, .guidance, .responseFormat,
                    .outputFormat, .stream,
                ],
                stopsOnDisconnect: true, hasHealth: true)
        // It takes a mask and ignores it, and refuses a picture for Z-Image; its default reply is a link.
        case .sglang:
            EngineRow(generate: [.model, .prompt, .count, .size, .seed, .steps, .guidance, .responseFormat, .outputFormat])
        // It ignores a mask. Of the steps that it is sent, the last changes nothing, so nine are eight. Closing the connection
        // does not stop a picture that has been begun.
        case .vllmOmni:
            EngineRow(
                generate: [.model, .prompt, .count, .size, .seed, .steps, .guidance, .responseFormat, .outputFormat],
                edit: [.image, .prompt, .size, .seed, .strength, .steps, .guidance, .outputFormat],
                steps: 9)
        // Our own OpenAI dialect.
        case .zimage:
            EngineRow(
                generate: [.model, .prompt, .count, .size, .seed, .responseFormat, .outputFormat],
                edit: [.image, .mask, .model, .prompt, .count, .size, .seed, .strength, .responseFormat, .outputFormat])
        // All three operations on small cards and processors. A running picture cannot be stopped, and nothing is told of it.
        // Of the area that is repainted, programs other than sd-server would by default see nothing but that area, filled anew.
        case .sdapi:
            EngineRow(
                api: .sdapi, generate: [.prompt, .width, .height, .plainSteps, .cfgScale, .seed, .batchSize],
                edit: [
                    .initImages, .mask, .prompt, .width, .height, .plainSteps, .cfgScale, .seed, .batchSize, .denoising, .maskedFill,
                    .maskedAreaAlone,
                ])
        // What sd-server, LocalAI and OpenAI have in common: the steps are the server's setting, and not even the form of the
        // reply can be asked for, because OpenAI's own models refuse the field.
        case .openai:
            EngineRow(generate: [.model, .prompt, .count, .size], links: true, splitsPromptAtBar: true)
        }
    }
}
