internal import CLibvips

/// The one owner of a reference to a `VipsImage`: it is released exactly once, when the handle ends.
struct ImageHandle: ~Copyable {
    let pointer: UnsafeMutablePointer<VipsImage>

    /// Takes over the reference that a libvips function returned.
    private init(owning pointer: UnsafeMutablePointer<VipsImage>) {
        self.pointer = pointer
    }

    deinit {
        zvips_unref(pointer)
    }

    /// Runs an operation that writes an image to its argument and returns 0, and owns what it wrote.
    static func make(
        _ reason: VipsError.Reason, _ message: String,
        _ operation: (_ out: inout UnsafeMutablePointer<VipsImage>?) -> Int32
    ) throws(VipsError) -> ImageHandle {
        var out: UnsafeMutablePointer<VipsImage>?
        guard operation(&out) == 0, let image = out else { throw VipsError.fromLibrary(reason, message) }
        return ImageHandle(owning: image)
    }

    /// Runs an operation on this image, which stays alive for its length because the method borrows it.
    func derived(
        _ reason: VipsError.Reason, _ message: String,
        _ operation: (UnsafeMutablePointer<VipsImage>, _ out: inout UnsafeMutablePointer<VipsImage>?) -> Int32
    ) throws(VipsError) -> ImageHandle {
        try Self.make(reason, message) { out in operation(pointer, &out) }
    }

    /// Copies bytes, row by row and band by band, into an image of its own.
    static func copying(_ bytes: [UInt8], width: Int, height: Int, bands: Int) throws(VipsError) -> ImageHandle {
        let image = bytes.withUnsafeBytes { raw in
            vips_image_new_from_memory_copy(
                raw.baseAddress, raw.count, Int32(width), Int32(height), Int32(bands), VIPS_FORMAT_UCHAR)
        }
        guard let image else {
            throw VipsError.fromLibrary(.operationFailed, "There is no memory for a picture of \(width)x\(height).")
        }
        if bands > 2 { image.pointee.Type = VIPS_INTERPRETATION_sRGB }
        return ImageHandle(owning: image)
    }

    /// Computes all pixels now, into memory that nobody else can see.
    ///
    /// libvips is lazy: without this a broken file would fail only when it is encoded, and read the sender's bytes then.
    func rendered(_ reason: VipsError.Reason, _ message: String) throws(VipsError) -> ImageHandle {
        guard let memory = vips_image_new_memory() else {
            throw VipsError.fromLibrary(.operationFailed, "There is no memory for a picture of \(width)x\(height).")
        }
        let copy = ImageHandle(owning: memory)
        guard vips_image_write(pointer, memory) == 0 else { throw VipsError.fromLibrary(reason, message) }
        return copy
    }

    var width: Int { Int(vips_image_get_width(pointer)) }
    var height: Int { Int(vips_image_get_height(pointer)) }
    var bands: Int { Int(vips_image_get_bands(pointer)) }

    /// Whether Exif says that the picture lies on its side, so that it is shown with width and height exchanged.
    var isTurnedOnItsSide: Bool { vips_image_get_orientation_swap(pointer) != 0 }
    var isUpright: Bool { vips_image_get_orientation(pointer) == 1 }
}
