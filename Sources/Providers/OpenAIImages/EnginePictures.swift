import Domain
import Vips

/// The pictures of an edit as an engine gets them.
struct EngineInputs: Sendable {
    /// A PNG in the size that is asked for.
    let image: [UInt8]
    /// A PNG of the same size in which red, green and blue say it white on black, and transparency says it again: engines of
    /// the diffusers family repaint what is white, OpenAI's convention is to repaint what is transparent. Programs that would
    /// repaint what is opaque get one without transparency.
    let mask: [UInt8]?
    let strength: Double
}

/// What is done to pictures before and after an engine. All of it is blocking.
enum EnginePictures {
    /// Engines cut a picture into squares of this side, in pixels.
    private static let square = 16
    /// One pass of eight. With less, an engine of the diffusers family has nothing to do and refuses the job.
    private static let strengthMin = 0.125

    /// The size to ask for: what is more than the customer wants is cut off again, on the right and below.
    static func canvas(_ size: ImageSize) -> ImageSize {
        func rounded(_ side: Int) -> Int { (side + square - 1) / square * square }
        return ImageSize(width: rounded(size.width), height: rounded(size.height))
    }

    /// The inputs in the size to ask for; nil when nothing may be changed and the picture is its own result.
    static func prepared(_ inputs: PreparedInputs, size: ImageSize, hasOpaqueMask: Bool) throws(VipsError) -> EngineInputs? {
        guard inputs.strength > 0 else { return nil }
        let canvas = canvas(size)
        var mask: [UInt8]?
        if let file = inputs.mask {
            let pixels = try decoded(file, size).pixelBytes()
            guard pixels.contains(255) else { return nil }
            mask = try maskFile(pixels, size: size, canvas: canvas, isOpaque: hasOpaqueMask)
        }
        var image = inputs.image
        if canvas == size {
            try check(PictureHeader(of: image), size)
        } else {
            image = try decoded(image, size).extended(width: canvas.width, height: canvas.height).encode(as: .png)
        }
        return EngineInputs(image: image, mask: mask, strength: max(inputs.strength, strengthMin))
    }

    /// What is beyond the picture is kept, so that nothing is repainted there.
    private static func maskFile(
        _ pixels: [UInt8], size: ImageSize, canvas: ImageSize, isOpaque: Bool
    ) throws(VipsError) -> [UInt8] {
        let count = canvas.width * canvas.height * 4
        let rgba = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            for y in 0..<canvas.height {
                for x in 0..<canvas.width {
                    let isWhite = x < size.width && y < size.height && pixels[(y * size.width + x) * 3] == 255
                    let place = (y * canvas.width + x) * 4
                    for band in 0..<3 { buffer[place + band] = isWhite ? 255 : 0 }
                    buffer[place + 3] = isWhite && !isOpaque ? 0 : 255
                }
            }
            filled = count
        }
        return try Picture(width: canvas.width, height: canvas.height, rgba: rgba).encode(as: .png)
    }

    /// The picture that the customer gets: checked, cropped, with every pixel that the mask keeps, and encoded anew, which
    /// leaves out what engines write into their files: prompts and settings.
    static func finished(_ file: [UInt8], job: ProviderJob) throws(VipsError) -> [UInt8] {
        let (size, format) = (job.image.size, job.image.format)
        let canvas = canvas(size)
        let limits = PictureLimits(fileBytes: Limits.imageBytesMax)
        let header = try PictureHeader(of: file, limits: limits)
        guard header.width == canvas.width, header.height == canvas.height else {
            let (got, wanted) = ("\(header.width)x\(header.height)", "\(canvas.width)x\(canvas.height)")
            throw VipsError(.invalidArgument, "It is \(got) where \(wanted) was asked for.")
        }
        let made = try Picture.decode(file, limits: limits)
            .flattened(onto: .white).cropped(width: size.width, height: size.height)
        guard let inputs = job.inputs, let mask = inputs.mask else { return try made.encode(as: format.pictureFormat) }
        return try made.keeping(decoded(inputs.image, size), whereBlack: decoded(mask, size)).encode(as: format.pictureFormat)
    }

    /// The picture to start from as the result.
    static func unchanged(_ inputs: PreparedInputs, image: ImageRequest) throws(VipsError) -> [UInt8] {
        try decoded(inputs.image, image.size).encode(as: image.format.pictureFormat)
    }

    private static func decoded(_ file: [UInt8], _ size: ImageSize) throws(VipsError) -> Picture {
        try check(PictureHeader(of: file), size)
        let picture = try Picture.decode(file)
        guard picture.bands == 3 else { throw VipsError(.invalidArgument, "An input is not RGB; prepare it first.") }
        return picture
    }

    private static func check(_ header: PictureHeader, _ size: ImageSize) throws(VipsError) {
        guard header.width == size.width, header.height == size.height else {
            throw VipsError(.invalidArgument, "An input is not of \(size.width)x\(size.height); prepare it first.")
        }
    }
}
