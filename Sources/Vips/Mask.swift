internal import CLibvips

/// How a text is set. The font is DejaVu Sans; characters that it lacks come from other installed fonts.
public struct TextStyle: Sendable, Equatable {
    /// Height of the font, 4 to 512.
    public var sizePixels: Int
    /// Lines wrap at this width, between words where possible; 1 to 16,383.
    public var wrapWidthPixels: Int
    /// Whether the bold cut is used.
    public var isBold: Bool
    /// Extra space between lines, 0 to 512.
    public var lineGapPixels: Int

    /// Describes a style; the ranges are checked where it is used.
    public init(sizePixels: Int, wrapWidthPixels: Int, isBold: Bool = false, lineGapPixels: Int = 0) {
        self.sizePixels = sizePixels
        self.wrapWidthPixels = wrapWidthPixels
        self.isBold = isBold
        self.lineGapPixels = lineGapPixels
    }
}

/// How much of each pixel a colour covers: 0 nothing, 255 all. It has a size but no place and no colour.
public struct Mask: ~Copyable {
    let image: ImageHandle

    /// Width in pixels.
    public var width: Int { image.width }
    /// Height in pixels.
    public var height: Int { image.height }

    /// Copies `coverage`: one byte a pixel, rows from top to bottom without padding.
    ///
    /// Throws `invalidArgument` unless both sides are 1 to 16,383 pixels and the number of bytes is their product.
    public init(width: Int, height: Int, coverage: [UInt8]) throws(VipsError) {
        try VipsLibrary.start()
        try Picture.check(width: width, height: height, bands: 1, byteCount: coverage.count)
        image = try ImageHandle.copying(coverage, width: width, height: height, bands: 1)
    }

    /// Sets plain text (never markup) in the smallest mask that holds its ink.
    ///
    /// Control characters become spaces and everything after 8,000 Unicode scalars is left out. Throws
    /// `invalidArgument` for a style outside its ranges and `operationFailed` for a text without visible characters.
    public init(text: String, style: TextStyle) throws(VipsError) {
        try VipsLibrary.start()
        guard (4...512).contains(style.sizePixels), (0...512).contains(style.lineGapPixels),
            (1...Picture.sidePixelsLimit).contains(style.wrapWidthPixels)
        else {
            throw VipsError(.invalidArgument, "The text style is outside its ranges: \(style).")
        }
        let markup = PangoMarkup.escaping(text)
        let font = "DejaVu Sans \(style.isBold ? "Bold " : "")\(style.sizePixels)"
        let failed = "The text cannot be drawn; it needs a visible character and the package fonts-dejavu-core."
        let lazy = try ImageHandle.make(.operationFailed, failed) { out in
            zvips_text(&out, markup, font, Int32(style.wrapWidthPixels), Int32(style.lineGapPixels))
        }
        image = try lazy.rendered(.operationFailed, failed)
    }
}

/// An opaque 8-bit sRGB colour.
public struct Colour: Sendable, Equatable {
    /// Red, 0 to 255.
    public var red: UInt8
    /// Green, 0 to 255.
    public var green: UInt8
    /// Blue, 0 to 255.
    public var blue: UInt8

    /// Makes a colour from its three parts.
    public init(red: UInt8, green: UInt8, blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// All parts 0.
    public static let black = Colour(red: 0, green: 0, blue: 0)
    /// All parts 255.
    public static let white = Colour(red: 255, green: 255, blue: 255)
}

extension Picture {
    /// A new picture with `colour` painted through `mask`, whose top left corner lies at `x`, `y`; what lies outside is
    /// clipped. Throws `operationFailed` when there is no memory.
    public func painted(_ colour: Colour, through mask: borrowing Mask, x: Int, y: Int) throws(VipsError) -> Picture {
        let failed = "There is no memory to draw on a picture of \(width)x\(height)."
        let canvas = try image.rendered(.operationFailed, failed)
        let ink = [colour.red, colour.green, colour.blue, 255].prefix(bands).map(Double.init)
        // Places beyond the largest picture are all alike; clamping them keeps libvips's 32-bit sums from overflowing.
        let reach = Self.sidePixelsLimit
        let place = (x: Int32(min(max(x, -reach), reach)), y: Int32(min(max(y, -reach), reach)))
        guard zvips_draw_mask(canvas.pointer, ink, Int32(ink.count), mask.image.pointer, place.x, place.y) == 0 else {
            throw VipsError.fromLibrary(.operationFailed, failed)
        }
        return Picture(canvas)
    }

    /// A new picture with plain text painted on it, its top left corner at `x`, `y`. Throws as `Mask.init(text:style:)`.
    public func drawText(
        _ text: String, style: TextStyle, colour: Colour, x: Int, y: Int
    ) throws(VipsError) -> Picture {
        try painted(colour, through: Mask(text: text, style: style), x: x, y: y)
    }
}
