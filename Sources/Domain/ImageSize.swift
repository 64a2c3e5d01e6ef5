/// The size of a picture in pixels.
public struct ImageSize: Sendable, Hashable {
    /// Pixels from left to right.
    public let width: Int
    /// Pixels from top to bottom.
    public let height: Int

    /// A size in pixels.
    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    /// What a request without a size gets.
    public static let standard = ImageSize(width: 1024, height: 1024)

    /// The tier by the area.
    public var tier: SizeTier { width * height <= 1024 * 1024 ? .standard : .large }
}

/// Prices may differ between the tiers: `standard` up to 1024 x 1024 pixels' worth of area, `large` above.
public enum SizeTier: String, Sendable, CaseIterable {
    case standard, large
}

/// The named ratios. Each is about one megapixel with sides that models like: multiples of 16, and exactly the ratio.
public enum AspectRatio: String, Sendable, CaseIterable {
    case square = "1:1"
    case portrait2x3 = "2:3"
    case landscape3x2 = "3:2"
    case portrait3x4 = "3:4"
    case landscape4x3 = "4:3"
    case portrait9x16 = "9:16"
    case landscape16x9 = "16:9"
    case portrait1x2 = "1:2"
    case landscape2x1 = "2:1"

    /// The pixels that the ratio stands for.
    public var size: ImageSize {
        switch self {
        case .square: ImageSize(width: 1024, height: 1024)
        case .portrait2x3: ImageSize(width: 832, height: 1248)
        case .landscape3x2: ImageSize(width: 1248, height: 832)
        case .portrait3x4: ImageSize(width: 864, height: 1152)
        case .landscape4x3: ImageSize(width: 1152, height: 864)
        case .portrait9x16: ImageSize(width: 720, height: 1280)
        case .landscape16x9: ImageSize(width: 1280, height: 720)
        case .portrait1x2: ImageSize(width: 720, height: 1440)
        case .landscape2x1: ImageSize(width: 1440, height: 720)
        }
    }
}

extension AspectRatio {
    /// The one whose shape is most like that of a picture.
    public static func nearest(to size: ImageSize) -> AspectRatio {
        // How many times as wide or as tall it is.
        func distance(_ ratio: AspectRatio) -> Double {
            let times = Double(ratio.size.width * size.height) / Double(ratio.size.height * size.width)
            return max(times, 1 / times)
        }
        return allCases.min { distance($0) < distance($1) } ?? .square
    }
}

extension ImageSize {
    /// Reads `WxH` with the given separator; nil when it is not two plain numbers.
    public init?(text: String, separator: Character) {
        let sides = text.split(separator: separator, omittingEmptySubsequences: false)
        let areNumbers = sides.allSatisfy { (1...5).contains($0.count) && $0.utf8.allSatisfy { (48...57).contains($0) } }
        guard sides.count == 2, areNumbers, let width = Int(sides[0]), let height = Int(sides[1]) else { return nil }
        self.init(width: width, height: height)
    }
}
