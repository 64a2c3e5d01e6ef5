/// What a customer wants drawn, in no dialect's words. It is stored with the task.
public struct ImageRequest: Sendable, Equatable, Codable {
    /// The text to draw.
    public var prompt: String
    /// The size as the customer wrote it, for replies that repeat it.
    public var sizeText: String?
    /// Pixels from left to right.
    public var width: Int
    /// Pixels from top to bottom.
    public var height: Int
    /// The seed; drawn at submit when the customer gave none, so that every attempt uses the same.
    public var seed: Int64
    /// How the picture is encoded.
    public var format: ImageFormat
    /// Whether strict moderation was asked for.
    public var nsfwCheck: Bool
    /// The pictures to start from; nil when the picture is drawn from the prompt alone.
    public var inputs: ImageInputs?
    private var inline: Bool?
    private var count: Int?

    /// A request whose values have been checked by its dialect.
    public init(
        prompt: String, sizeText: String?, size: ImageSize, seed: Int64, format: ImageFormat, nsfwCheck: Bool,
        inputs: ImageInputs? = nil, isInline: Bool = false, pictures: Int = 1
    ) {
        self.prompt = prompt
        self.sizeText = sizeText
        self.width = size.width
        self.height = size.height
        self.seed = seed
        self.format = format
        self.nsfwCheck = nsfwCheck
        self.inputs = inputs
        inline = isInline ? true : nil
        count = pictures == 1 ? nil : pictures
    }

    private enum CodingKeys: String, CodingKey {
        case prompt, width, height, seed, format, inputs, inline
        case sizeText = "size"
        case nsfwCheck = "nsfw_check"
        case count = "n"
    }

    /// The size in pixels.
    public var size: ImageSize { ImageSize(width: width, height: height) }

    /// What is done.
    public var operation: TaskOperation { inputs?.operation ?? .generate }

    /// Whether replies hold the picture itself instead of a link to it.
    public var isInline: Bool { inline ?? false }

    /// How many pictures are wanted, 1...4: they are made and paid together.
    public var pictures: Int {
        get { count ?? 1 }
        set { count = newValue == 1 ? nil : newValue }
    }

    /// The request for one of its pictures, counted from 0, alone: each has a seed of its own, the ones after the request's.
    public func alone(_ index: Int) -> ImageRequest {
        var one = self
        one.pictures = 1
        guard index > 0 else { return one }
        let seeds = Limits.seeds
        one.seed = seeds.lowerBound + ((seed - seeds.lowerBound) % Int64(seeds.count) + Int64(index)) % Int64(seeds.count)
        return one
    }

    /// The text that is stored with the task: members in a fixed order, and the last three only where they say something.
    public var storedText: String {
        JSON.object([
            ("prompt", .string(prompt)), ("size", .optional(sizeText)), ("width", .int(Int64(width))),
            ("height", .int(Int64(height))), ("seed", .int(seed)), ("format", .string(format.rawValue)),
            ("nsfw_check", .bool(nsfwCheck)),
        ] + (inputs.map { [("inputs", $0.json)] } ?? []) + (isInline ? [("inline", .bool(true))] : [])
            + (pictures == 1 ? [] : [("n", .int(Int64(pictures)))])).text
    }
}

/// Encodings that pictures are delivered in.
public enum ImageFormat: String, Sendable, Codable, CaseIterable {
    case webp, png, jpeg

    /// The MIME type.
    public var contentType: String { "image/\(rawValue)" }
}

/// What is done; prices may differ.
public enum TaskOperation: String, Sendable, CaseIterable {
    case generate, edit, inpaint
}

/// Whether real credits are at stake.
public enum AccountMode: String, Sendable, CaseIterable {
    case live, test
}

/// How a price turns into an amount.
public enum BillingRule: String, Sendable, CaseIterable {
    case perCall = "per_call"
    case perSecond = "per_second"
    case perToken = "per_token"
}
