import Domain
import Vips

/// Makes from a customer's files what a provider gets: PNG in the size of the result. Both are scaled until they cover it
/// and cropped evenly, because a stretched face is wrong in every case and a cropped edge in few.
enum InputPreparation {
    static func requireSameSize(_ image: ImageSize, _ mask: ImageSize) throws(InputError) {
        guard image != mask else { return }
        throw InputError(
            .sizeMismatch, .mask,
            "The mask has \(mask.width)x\(mask.height) pixels and the picture \(image.width)x\(image.height). "
                + "Send a mask of the picture's size.")
    }

    /// Blocking.
    static func prepared(
        image: [UInt8], mask: [UInt8]?, strength: Double, size: ImageSize
    ) throws -> PreparedInputs {
        let picture = try InputFile.decode(image, .image)
        let imageSize = ImageSize(width: picture.width, height: picture.height)
        let fitted = try picture.flattened(onto: .white).covering(width: size.width, height: size.height)
        let imagePNG = try fitted.encode(as: .png)
        guard let mask else { return PreparedInputs(image: imagePNG, mask: nil, strength: strength) }
        let drawn = try InputFile.decode(mask, .mask)
        try requireSameSize(imageSize, ImageSize(width: drawn.width, height: drawn.height))
        let maskPNG = try InputMask.blackAndWhite(drawn, size: size).encode(as: .png)
        return PreparedInputs(image: imagePNG, mask: maskPNG, strength: strength)
    }
}
