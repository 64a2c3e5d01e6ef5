public import Domain

/// What a provider can do. These are promises that jobs are chosen by, so they name only what was read in its documents or
/// seen from it.
public struct Capabilities: Sendable, Equatable {
    /// The sizes that it draws.
    public enum Sizes: Sendable, Equatable {
        /// Any with both sides in the range, in pixels.
        case sides(ClosedRange<Int>)
        /// These alone.
        case only([ImageSize])

        func contains(_ size: ImageSize) -> Bool {
            switch self {
            case .sides(let range): range.contains(size.width) && range.contains(size.height)
            case .only(let sizes): sizes.contains(size)
            }
        }
    }

    /// What it does.
    public var operations: Set<TaskOperation>
    /// How large.
    public var sizes: Sizes
    /// Prompts up to this many characters (Unicode scalars).
    public var promptCharactersMax: Int
    /// Encodings that it delivers; others are made from them here.
    public var formats: Set<ImageFormat>
    /// Whether the same seed gives the same picture. Those that take none are used when nobody else can.
    public var takesSeed: Bool
    /// Whether it tells how far a job is.
    public var reportsProgress: Bool
    /// Whether work under way can be stopped, so that nobody pays for it any more.
    public var cancels: Bool
    /// Whether it calls the ``ProviderJob/callbackURL`` when a job has ended.
    public var callsBack: Bool
    /// Whether a submit that is repeated with its ``ProviderJob/reference`` is the same job, and charged once.
    public var deduplicates: Bool
    /// Whether the answer to a submit holds the picture, so that there is no job to ask for.
    public var answersAtOnce: Bool
    /// Whether it is a part of this program. Nothing leaves, so nothing about its submits has to be remembered.
    public var isBuiltIn: Bool

    /// What is not named, it cannot.
    public init(
        operations: Set<TaskOperation>, sizes: Sizes, promptCharactersMax: Int = Limits.promptCharactersMax,
        formats: Set<ImageFormat> = [.webp], takesSeed: Bool = true, reportsProgress: Bool = false, cancels: Bool = false,
        callsBack: Bool = false, deduplicates: Bool = false, answersAtOnce: Bool = false, isBuiltIn: Bool = false
    ) {
        self.operations = operations
        self.sizes = sizes
        self.promptCharactersMax = promptCharactersMax
        self.formats = formats
        self.takesSeed = takesSeed
        self.reportsProgress = reportsProgress
        self.cancels = cancels
        self.callsBack = callsBack
        self.deduplicates = deduplicates
        self.answersAtOnce = answersAtOnce
        self.isBuiltIn = isBuiltIn
    }

    /// Why it cannot serve a request, in words for `zadmin provider explain`; nil when it can.
    public func refusal(of image: ImageRequest) -> String? {
        if !operations.contains(image.operation) { return "it cannot \(image.operation.rawValue)" }
        if !sizes.contains(image.size) { return "it does not draw \(image.width)x\(image.height)" }
        if image.prompt.unicodeScalars.count > promptCharactersMax {
            return "its prompts end at \(promptCharactersMax) characters"
        }
        return nil
    }

    /// Whether it can serve a request.
    public func takes(_ image: ImageRequest) -> Bool { refusal(of: image) == nil }
}
