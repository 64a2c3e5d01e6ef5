import Domain
import Vips

/// An encoded picture from a customer that was decoded to its end: it is what it says and it is not too much.
struct InputFile: Sendable {
    let bytes: [UInt8]
    let format: ImageFormat
    /// As shown, that is, after any Exif rotation.
    let size: ImageSize

    /// Decodes the file and keeps it as it came. Blocking; throws `InputError` for what the customer has to change.
    init(_ bytes: [UInt8], _ field: InputField) throws {
        let picture = try Self.decode(bytes, field)
        guard let format = PictureFormat(signatureOf: bytes).flatMap({ ImageFormat(rawValue: $0.rawValue) }) else {
            throw InputError(.formatUnsupported, field, Self.formats)
        }
        self.bytes = bytes
        self.format = format
        size = ImageSize(width: picture.width, height: picture.height)
    }

    /// The upright 8-bit sRGB picture of a file with one frame, within the limits. Blocking.
    static func decode(_ bytes: [UInt8], _ field: InputField) throws -> Picture {
        guard !bytes.isEmpty else { throw InputError(.formatUnsupported, field, "The file is empty. " + formats) }
        guard bytes.count <= Limits.inputFileBytesMax else { throw tooManyBytes(field) }
        guard !PictureFormat.isAnimated(bytes) else {
            throw InputError(.formatUnsupported, field, "The picture is animated. Send one with a single frame.")
        }
        let sides = Limits.inputSidePixels
        let limits = PictureLimits(
            fileBytes: Limits.inputFileBytesMax, areaPixels: sides.upperBound * sides.upperBound, sidePixels: sides.upperBound)
        let picture: Picture
        do throws(VipsError) { picture = try Picture.decode(bytes, limits: limits) } catch {
            if let refusal = refusal(error, field) { throw refusal }
            throw error
        }
        guard picture.width >= sides.lowerBound, picture.height >= sides.lowerBound else { throw sizeRefusal(field) }
        return picture
    }

    static func tooManyBytes(_ field: InputField) -> InputError {
        InputError(
            .fileTooLarge, field,
            "The file is larger than \(Limits.inputFileBytesMax >> 20) MB. Send a smaller one, for example a JPEG.")
    }

    private static let formats = "Send a PNG, JPEG or WebP picture."

    private static func sizeRefusal(_ field: InputField) -> InputError {
        let sides = Limits.inputSidePixels
        return InputError(
            .sizeOutOfRange, field,
            "Width and height must be \(sides.lowerBound) to \(sides.upperBound) pixels. Send the picture in another size.")
    }

    /// Nil for what is not the customer's fault.
    private static func refusal(_ error: VipsError, _ field: InputField) -> InputError? {
        switch error.reason {
        case .unsupportedFormat: InputError(.formatUnsupported, field, "The file is not a picture that can be read. " + formats)
        // The bytes were counted before.
        case .tooLarge: sizeRefusal(field)
        case .damaged: InputError(.damaged, field, "The picture is damaged or cut short. Send the whole file.")
        case .unavailable, .operationFailed, .invalidArgument: nil
        }
    }
}
