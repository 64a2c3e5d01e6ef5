/// The limits that are part of the product. Each is here once; what an operator may change is a setting instead.
public enum Limits {
    /// A prompt, in characters (Unicode scalars), as the unified dialect promises.
    public static let promptCharactersMax = 2000
    /// The same in the zimageturbo.ai dialect.
    public static let promptCharactersMaxZImageTurbo = 1000
    /// A side of a picture in the unified dialect, in pixels.
    public static let sidePixels = 376...1536
    /// The same in the v3 dialect.
    public static let sidePixelsV3 = 256...1536
    /// Seeds that a customer may ask for.
    public static let seeds: ClosedRange<Int64> = 1...2_147_483_647
    /// A request body, in bytes: a prompt of 2,000 characters and a callback address need less than 32 KiB.
    public static let bodyBytesMax = 64 * 1024
    /// A request body that may hold pictures, in bytes: two of `inputFileBytesMax` as base64, and the rest.
    public static let inputBodyBytesMax = 28 * 1024 * 1024
    /// How many such bodies a node holds in memory at once; each costs about three times its size while it is read.
    public static let inputBodiesMax = 4
    /// A picture that a customer sends or names, in bytes.
    public static let inputFileBytesMax = 10 * 1024 * 1024
    /// A side of such a picture, in pixels.
    public static let inputSidePixels = 64...4096
    /// An `Idempotency-Key`, in characters.
    public static let idempotencyKeyCharactersMax = 255
    /// A picture that a reply holds itself, in bytes; of a larger one it holds the link.
    public static let inlineImageBytesMax = 8 * 1024 * 1024
    /// How long a picture and its link live.
    public static let linkSeconds = 24 * 3600
    /// One encoded picture, in bytes.
    public static let imageBytesMax = 32 * 1024 * 1024
    /// Pictures of one task.
    public static let pictures = 1...4
    /// Attempts at a task before it fails: a task that takes down its workers must not do so for ever.
    public static let attemptsMax = 5
    /// A price list as a file, in bytes.
    public static let priceSheetBytesMax = 1024 * 1024
    /// A price list as a file, in lines without the header.
    public static let priceSheetLinesMax = 10_000
}
