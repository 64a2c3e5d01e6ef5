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
}
