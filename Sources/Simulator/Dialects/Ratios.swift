import Domain

/// What ratios stand for in pixels. The documents do not say, so callers must not rely on it.
enum Ratios {
    /// Those of the unified dialect.
    static let unified: [String: ImageSize] = zimageturbo.merging([
        "2:3": ImageSize(width: 832, height: 1248), "3:2": ImageSize(width: 1248, height: 832),
        "1:2": ImageSize(width: 720, height: 1440), "2:1": ImageSize(width: 1440, height: 720),
    ]) { first, _ in first }

    /// Those of zimageturbo.ai.
    static let zimageturbo: [String: ImageSize] = [
        "1:1": ImageSize(width: 1024, height: 1024), "4:3": ImageSize(width: 1152, height: 864),
        "3:4": ImageSize(width: 864, height: 1152), "16:9": ImageSize(width: 1280, height: 720),
        "9:16": ImageSize(width: 720, height: 1280),
    ]

    /// The same ratio with other sides, as nearly as multiples of 16 go.
    static func other(_ size: ImageSize) -> ImageSize {
        ImageSize(width: size.width * 3 / 4 / 16 * 16, height: size.height * 3 / 4 / 16 * 16)
    }
}
