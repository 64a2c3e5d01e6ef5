/// A file format that pictures are read from and written to.
public enum PictureFormat: String, Sendable, CaseIterable {
    /// WebP, written with loss; an animation is read as its first frame.
    case webp
    /// PNG, without loss.
    case png
    /// JPEG, with loss and without transparency.
    case jpeg

    /// The media type for HTTP headers and data URLs.
    public var mediaType: String { "image/\(rawValue)" }

    /// Recognises a file by its first bytes; nil for anything but PNG, JPEG and WebP, whatever its name claimed.
    public init?(signatureOf bytes: [UInt8]) {
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) {
            self = .webp
        } else {
            return nil
        }
    }
}

extension PictureFormat {
    /// Whether a PNG or WebP file says that it has several frames; decoding would show the first alone. It looks at the
    /// marks that a player looks at: the flag of the extended WebP header, and an `acTL` chunk before a PNG's pixels.
    public static func isAnimated(_ bytes: [UInt8]) -> Bool {
        switch PictureFormat(signatureOf: bytes) {
        case .webp: bytes.count > 20 && bytes[12..<16].elementsEqual("VP8X".utf8) && bytes[20] & 0x02 != 0
        case .png: hasAnimationChunk(bytes)
        case .jpeg, nil: false
        }
    }

    private static func hasAnimationChunk(_ bytes: [UInt8]) -> Bool {
        var place = 8
        while place + 8 <= bytes.count {
            let name = bytes[(place + 4)..<(place + 8)]
            if name.elementsEqual("acTL".utf8) { return true }
            if name.elementsEqual("IDAT".utf8) { return false }
            place += 12 + bytes[place..<(place + 4)].reduce(0) { $0 << 8 | Int($1) }
        }
        return false
    }
}

/// What a picture that comes from outside may be at most.
public struct PictureLimits: Sendable, Equatable {
    /// Size of the encoded file.
    public var fileBytes: Int
    /// Width times height.
    public var areaPixels: Int
    /// Width or height, whichever is larger.
    public var sidePixels: Int

    /// The defaults, 20 MiB and 32 megapixels, cover every current camera picture and decode into 128 MiB at most.
    public init(fileBytes: Int = 20 << 20, areaPixels: Int = 32_000_000, sidePixels: Int = Picture.sidePixelsLimit) {
        self.fileBytes = fileBytes
        self.areaPixels = areaPixels
        self.sidePixels = sidePixels
    }

    func check(byteCount: Int) throws(VipsError) {
        guard byteCount <= fileBytes else {
            throw VipsError(.tooLarge, "The picture file has \(byteCount) bytes; send at most \(fileBytes).")
        }
    }

    func check(width: Int, height: Int) throws(VipsError) {
        let (area, overflows) = width.multipliedReportingOverflow(by: height)
        guard !overflows, area <= areaPixels, max(width, height) <= sidePixels else {
            throw VipsError(
                .tooLarge,
                "The picture is \(width)x\(height); send at most \(areaPixels) pixels and \(sidePixels) a side.")
        }
    }
}
