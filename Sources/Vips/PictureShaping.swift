internal import CLibvips

extension Picture {
    /// The picture scaled until it covers the size, with what hangs over cut off evenly on both sides. A picture that has
    /// the size already keeps every pixel. Throws `invalidArgument` for an impossible size and `operationFailed` when there
    /// is no memory.
    public func covering(width: Int, height: Int) throws(VipsError) -> Picture {
        guard (1...Self.sidePixelsLimit).contains(width), (1...Self.sidePixelsLimit).contains(height) else {
            throw VipsError(
                .invalidArgument, "A picture of \(width)x\(height) is impossible; use 1 to \(Self.sidePixelsLimit) a side.")
        }
        let failed = "There is no memory to scale a picture to \(width)x\(height)."
        if self.width == width, self.height == height { return Picture(try image.rendered(.operationFailed, failed)) }
        let scaled = try image.derived(.operationFailed, failed) { source, out in
            zvips_cover(source, &out, Int32(width), Int32(height))
        }
        return Picture(try scaled.rendered(.operationFailed, failed))
    }

    /// The picture on a plain ground, which shows where it is transparent; three bands. Throws `operationFailed` when there
    /// is no memory.
    public func flattened(onto ground: Colour) throws(VipsError) -> Picture {
        let failed = "There is no memory to flatten a picture of \(width)x\(height)."
        guard bands == 4 else { return Picture(try image.rendered(.operationFailed, failed)) }
        let flat = try image.derived(.operationFailed, failed) { source, out in
            zvips_flatten(source, &out, Double(ground.red), Double(ground.green), Double(ground.blue))
        }
        return Picture(try flat.rendered(.operationFailed, failed))
    }

    /// The picture made larger to the right and below, where it goes on as its own mirror image. Throws `invalidArgument` for
    /// a size that is smaller, over twice as large or impossible, and `operationFailed` when there is no memory.
    public func extended(width: Int, height: Int) throws(VipsError) -> Picture {
        let sides = 1...Self.sidePixelsLimit
        guard sides.contains(width), sides.contains(height), (self.width...(2 * self.width)).contains(width),
            (self.height...(2 * self.height)).contains(height)
        else {
            throw VipsError(
                .invalidArgument, "\(self.width)x\(self.height) cannot become \(width)x\(height); extend each side up to twice.")
        }
        let failed = "There is no memory to extend a picture to \(width)x\(height)."
        let larger = try image.derived(.operationFailed, failed) { source, out in
            zvips_extend(source, &out, Int32(width), Int32(height))
        }
        return Picture(try larger.rendered(.operationFailed, failed))
    }

    /// The top left corner of the picture. Throws `invalidArgument` for a size that it does not have and `operationFailed`
    /// when there is no memory.
    public func cropped(width: Int, height: Int) throws(VipsError) -> Picture {
        guard (1...self.width).contains(width), (1...self.height).contains(height) else {
            throw VipsError(.invalidArgument, "\(self.width)x\(self.height) has no part of \(width)x\(height); take a smaller one.")
        }
        let failed = "There is no memory to crop a picture to \(width)x\(height)."
        let part = try image.derived(.operationFailed, failed) { source, out in
            zvips_crop(source, &out, Int32(width), Int32(height))
        }
        return Picture(try part.rendered(.operationFailed, failed))
    }

    /// This picture where a mask of pure black and white is white, and the original where it is black, exact to the last bit.
    /// Throws `invalidArgument` unless all three have the same size and bands, and `operationFailed` when there is no memory.
    public func keeping(
        _ original: borrowing Picture, whereBlack mask: borrowing Picture
    ) throws(VipsError) -> Picture {
        let isAlike = original.width == width && original.height == height && original.bands == bands
        guard isAlike, mask.width == width, mask.height == height, mask.bands == bands else {
            throw VipsError(.invalidArgument, "Picture, original and mask differ in size or bands; make them alike first.")
        }
        let failed = "There is no memory to join pictures of \(width)x\(height)."
        let (black, white) = (original.image.pointer, mask.image.pointer)
        let joined = try image.derived(.operationFailed, failed) { made, out in zvips_choose(white, made, black, &out) }
        return Picture(try joined.rendered(.operationFailed, failed))
    }
}
