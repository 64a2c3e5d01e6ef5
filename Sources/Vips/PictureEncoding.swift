internal import CLibvips

extension Picture {
    /// The picture as a file without any metadata; the same pixels always give the same bytes.
    ///
    /// `quality` is 1 to 100 and counts for WebP and JPEG; PNG is lossless. JPEG shows transparency as white.
    /// Throws `invalidArgument` for another quality and `operationFailed` when there is no memory.
    public func encode(as format: PictureFormat, quality: Int = 90) throws(VipsError) -> [UInt8] {
        guard (1...100).contains(quality) else {
            throw VipsError(.invalidArgument, "Quality \(quality) is impossible; use 1 to 100.")
        }
        var bytes: UnsafeMutableRawPointer?
        var count = 0
        let status =
            switch format {
            case .png: zvips_save_png(image.pointer, &bytes, &count)
            case .jpeg: zvips_save_jpeg(image.pointer, &bytes, &count, Int32(quality))
            case .webp: zvips_save_webp(image.pointer, &bytes, &count, Int32(quality))
            }
        defer { g_free(bytes) }
        guard status == 0, let bytes else {
            throw VipsError.fromLibrary(.operationFailed, "The picture cannot be encoded as \(format.rawValue).")
        }
        return Array(UnsafeRawBufferPointer(start: bytes, count: count))
    }
}
