import Domain
import Foundation
import Vips

/// A picture written into the request itself: `data:image/png;base64,...` and nothing more general.
enum DataURI {
    /// Whether a text means to be one; then it is not looked at as a URL.
    static func isMeant(by text: String) -> Bool { text.prefix(5).lowercased() == "data:" }

    /// The bytes inside. Throws when the media type is not one of a picture that we read, does not agree with the bytes, or
    /// the rest is no base64.
    static func bytes(_ text: String, _ field: InputField) throws(InputError) -> [UInt8] {
        // The longest head that is one of ours has 23 characters.
        guard let comma = text.utf8.prefix(32).firstIndex(of: UInt8(ascii: ",")),
            let format = format(text[..<comma].lowercased())
        else {
            throw InputError(
                .formatUnsupported, field,
                "The data URI must begin with data:image/png;base64, or the same with jpeg or webp.")
        }
        let digits = text.utf8[text.utf8.index(after: comma)...]
        // Three bytes from four digits; checked before memory is taken for them.
        guard digits.count / 4 * 3 <= Limits.inputFileBytesMax + 2 else { throw InputFile.tooManyBytes(field) }
        guard let data = Data(base64Encoded: Data(digits)) else {
            throw InputError(
                .malformed, field, "The data URI is not valid base64. Encode the whole file with padding and without line breaks.")
        }
        let bytes = Array(data)
        if let real = PictureFormat(signatureOf: bytes), real != format {
            throw InputError(
                .formatUnsupported, field,
                "The data URI says \(format.mediaType) and holds \(real.mediaType). Correct its media type.")
        }
        return bytes
    }

    private static func format(_ head: String) -> PictureFormat? {
        PictureFormat.allCases.first { head == "data:\($0.mediaType);base64" }
    }
}
