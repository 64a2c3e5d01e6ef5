public import Domain
import Vips

/// Makes of a picture that a provider made the one that was ordered.
public enum ResultPicture {
    /// The file as it is where it already is what was ordered; otherwise scaled until it covers the size and cropped evenly, or
    /// encoded anew. Every pixel is decoded, so a file that was cut short is never delivered. Throws `VipsError` for what is
    /// no whole picture.
    public static func fitted(_ bytes: [UInt8], to size: ImageSize, as format: ImageFormat) async throws -> [UInt8] {
        try await PictureWork.run {
            let limits = PictureLimits(fileBytes: Limits.imageBytesMax)
            let header = try PictureHeader(of: bytes, limits: limits)
            let picture = try Picture.decode(bytes, limits: limits)
            let wanted = format.pictureFormat
            let fits = header.width == size.width && header.height == size.height
            if fits, header.format == wanted { return bytes }
            let upright = try picture.flattened(onto: .white)
            let sized = fits ? upright : try upright.covering(width: size.width, height: size.height)
            return try sized.encode(as: wanted)
        }
    }
}
