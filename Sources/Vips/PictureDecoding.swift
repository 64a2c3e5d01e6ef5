internal import CLibvips

/// What the first bytes of a picture file say; no pixel is decoded for it.
public struct PictureHeader: Sendable, Equatable {
    /// The format by signature.
    public let format: PictureFormat
    /// Width in pixels as shown, that is, after any Exif rotation.
    public let width: Int
    /// Height in pixels as shown, that is, after any Exif rotation.
    public let height: Int

    /// Reads the header of an encoded picture and checks it.
    ///
    /// Throws `tooLarge` over a limit, `unsupportedFormat` for anything but PNG, JPEG and WebP, and `damaged` when
    /// the header itself is broken. A file whose header is sound may still fail to decode.
    public init(of bytes: [UInt8], limits: PictureLimits = PictureLimits()) throws(VipsError) {
        let format = try PictureFile.checkedFormat(of: bytes, limits: limits)
        self = try PictureFile.withImage(of: bytes, format: format) { image throws(VipsError) in
            let header = PictureHeader(format: format, image: image)
            try limits.check(width: header.width, height: header.height)
            return header
        }
    }

    private init(format: PictureFormat, image: borrowing ImageHandle) {
        self.format = format
        width = image.isTurnedOnItsSide ? image.height : image.width
        height = image.isTurnedOnItsSide ? image.width : image.height
    }
}

extension Picture {
    /// Decodes a whole PNG, JPEG or WebP file (the first frame of an animation) into an upright 8-bit sRGB picture.
    ///
    /// The limits are checked from the header, before memory is taken for pixels. Throws `tooLarge`,
    /// `unsupportedFormat`, or `damaged` when any part is broken or missing.
    public static func decode(
        _ bytes: [UInt8], limits: PictureLimits = PictureLimits()
    ) throws(VipsError) -> Picture {
        let format = try PictureFile.checkedFormat(of: bytes, limits: limits)
        let pixels = try PictureFile.withImage(of: bytes, format: format) { image throws(VipsError) in
            try limits.check(width: image.width, height: image.height)
            return try PictureFile.normalised(image)
        }
        guard pixels.bands == 3 || pixels.bands == 4 else {
            throw VipsError(.unsupportedFormat, "The picture has \(pixels.bands) bands; send RGB or RGBA.")
        }
        return Picture(pixels)
    }
}

/// The steps that reading a header and decoding share.
private enum PictureFile {
    static let broken = "The picture file is damaged or cut short; send the whole file."

    static func checkedFormat(of bytes: [UInt8], limits: PictureLimits) throws(VipsError) -> PictureFormat {
        try VipsLibrary.start()
        try limits.check(byteCount: bytes.count)
        guard let format = PictureFormat(signatureOf: bytes) else {
            throw VipsError(.unsupportedFormat, "The file is not a picture; send PNG, JPEG or WebP.")
        }
        return format
    }

    /// Opens the file for the length of `body`: libvips reads from the array's own memory, without a copy.
    static func withImage<Result: ~Copyable>(
        of bytes: [UInt8], format: PictureFormat,
        _ body: (borrowing ImageHandle) throws(VipsError) -> Result
    ) throws(VipsError) -> Result {
        try bytes.span.bytes.withUnsafeBytes { raw throws(VipsError) -> Result in
            let image = try ImageHandle.make(.damaged, broken) { out in
                switch format {
                case .png: zvips_load_png(raw.baseAddress, raw.count, &out)
                case .jpeg: zvips_load_jpeg(raw.baseAddress, raw.count, &out)
                case .webp: zvips_load_webp(raw.baseAddress, raw.count, &out)
                }
            }
            return try body(image)
        }
    }

    /// Decodes to sRGB. The rotation comes after, from memory, because a file is decoded from top to bottom only.
    static func normalised(_ image: borrowing ImageHandle) throws(VipsError) -> ImageHandle {
        let srgb = try image.derived(.damaged, broken) { source, out in zvips_to_srgb(source, &out) }
        let pixels = try srgb.rendered(.damaged, broken)
        guard !pixels.isUpright else { return pixels }
        let failed = "There is no memory to rotate the picture."
        let turned = try pixels.derived(.operationFailed, failed) { source, out in zvips_autorot(source, &out) }
        return try turned.rendered(.operationFailed, failed)
    }
}
