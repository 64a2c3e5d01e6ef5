import Domain
import Vips

/// Masks in the two conventions that there are. Ours is that of the image hosts: white is repainted, black is kept.
enum InputMask {
    /// From here on a pixel counts as white, and from here on down as transparent: what an engine makes of greys would
    /// otherwise differ from engine to engine.
    private static let threshold = 128

    /// A mask of pure black and white in the given size. What is transparent is kept. Blocking.
    static func blackAndWhite(_ mask: consuming Picture, size: ImageSize) throws(VipsError) -> Picture {
        let flat = try mask.flattened(onto: .black).covering(width: size.width, height: size.height)
        let pixels = try flat.pixelBytes()
        return try picture(size) { place in
            let (red, green, blue) = (Int(pixels[place * 3]), Int(pixels[place * 3 + 1]), Int(pixels[place * 3 + 2]))
            return (red * 299 + green * 587 + blue * 114) / 1000 >= threshold
        }
    }

    /// Our mask from one of the OpenAI dialect, whose transparent pixels are the ones to edit. Blocking.
    static func fromTransparency(_ bytes: [UInt8]) throws -> InputFile {
        let mask = try InputFile.decode(bytes, .mask)
        guard mask.bands == 4 else {
            throw InputError(
                .malformed, .mask, "The mask has no transparency. Send a PNG whose transparent pixels are the ones to edit.")
        }
        let pixels = try mask.pixelBytes()
        let white = try picture(ImageSize(width: mask.width, height: mask.height)) { Int(pixels[$0 * 4 + 3]) < threshold }
        return try InputFile(white.encode(as: .png), .mask)
    }

    private static func picture(_ size: ImageSize, _ isWhite: (_ place: Int) -> Bool) throws(VipsError) -> Picture {
        let count = size.width * size.height
        let rgb = [UInt8](unsafeUninitializedCapacity: count * 3) { buffer, filled in
            for place in 0..<count {
                let shade: UInt8 = isWhite(place) ? 255 : 0
                for band in 0..<3 { buffer[place * 3 + band] = shade }
            }
            filled = count * 3
        }
        return try Picture(width: size.width, height: size.height, rgb: rgb)
    }
}
