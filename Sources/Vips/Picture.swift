internal import CLibvips

/// An 8-bit sRGB picture with three bands (RGB) or four (RGBA), fully in memory, that never changes.
///
/// It owns one libvips image and cannot be copied, so the compiler knows its single owner and may let it move
/// to another thread.
public struct Picture: ~Copyable {
    /// The largest width or height, which is what a WebP file can hold.
    public static let sidePixelsLimit = 16_383

    let image: ImageHandle

    init(_ image: consuming ImageHandle) {
        self.image = image
    }

    /// Copies `rgb`: three bytes a pixel, rows from top to bottom without padding.
    ///
    /// Throws `invalidArgument` unless both sides are 1 to 16,383 pixels and `rgb` has exactly width x height x 3 bytes.
    public init(width: Int, height: Int, rgb: [UInt8]) throws(VipsError) {
        try VipsLibrary.start()
        try Self.check(width: width, height: height, bands: 3, byteCount: rgb.count)
        self.image = try ImageHandle.copying(rgb, width: width, height: height, bands: 3)
    }

    /// The same with four bytes a pixel, the last of which is 0 where the picture is transparent and 255 where it is not.
    public init(width: Int, height: Int, rgba: [UInt8]) throws(VipsError) {
        try VipsLibrary.start()
        try Self.check(width: width, height: height, bands: 4, byteCount: rgba.count)
        self.image = try ImageHandle.copying(rgba, width: width, height: height, bands: 4)
    }

    /// Width in pixels.
    public var width: Int { image.width }
    /// Height in pixels.
    public var height: Int { image.height }
    /// Bytes a pixel: 3 for RGB, 4 with transparency.
    public var bands: Int { image.bands }

    /// A copy of the pixels: `bands` bytes a pixel, rows from top to bottom without padding.
    public func pixelBytes() throws(VipsError) -> [UInt8] {
        guard let start = vips_image_get_data(image.pointer) else {
            throw VipsError.fromLibrary(.operationFailed, "The pixels of the picture cannot be read.")
        }
        return Array(UnsafeRawBufferPointer(start: start, count: width * height * bands))
    }

    static func check(width: Int, height: Int, bands: Int, byteCount: Int) throws(VipsError) {
        let sides = 1...sidePixelsLimit
        guard sides.contains(width), sides.contains(height) else {
            throw VipsError(
                .invalidArgument, "A picture of \(width)x\(height) is impossible; use 1 to \(sidePixelsLimit) a side.")
        }
        guard byteCount == width * height * bands else {
            throw VipsError(
                .invalidArgument, "\(byteCount) bytes are not \(width)x\(height) pixels of \(bands) bytes each.")
        }
    }
}
