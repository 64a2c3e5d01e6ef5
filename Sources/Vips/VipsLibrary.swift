internal import CLibvips

/// The process-wide state of libvips.
///
/// Everything in this module is synchronous and blocking and may be called from any number of threads at a time; call it
/// from threads of your own, never from Swift's shared pool.
public enum VipsLibrary {
    /// Starts libvips; every operation here does it by itself, so call it only to pay the time (tens of milliseconds) early.
    ///
    /// Throws `unavailable` when libvips cannot start, again on each call.
    public static func start() throws(VipsError) {
        if let failure = firstStart { throw failure }
    }

    /// Frees what libvips keeps for the calling thread. Call it last on a thread that used this module and now ends;
    /// otherwise a few hundred bytes leak per thread.
    public static func leaveThread() {
        vips_thread_shutdown()
    }

    /// The version of the linked libvips, such as `8.14.1`.
    public static var version: String { String(cString: vips_version_string()) }

    /// Swift runs a static initialiser exactly once, whatever the number of threads that ask first.
    private static let firstStart: VipsError? = {
        guard vips_init("zimage") == 0 else {
            return .fromLibrary(.unavailable, "libvips cannot start; install the package libvips42.")
        }
        boundMemory()
        blockUnusedLoaders()
        zvips_silence_warnings()
        return nil
    }()

    /// One thread an operation, because the callers bring their own threads. No operation cache, because no two requests
    /// share a picture and cached ones would hold their pixels.
    private static func boundMemory() {
        vips_concurrency_set(1)
        vips_cache_set_max(0)
        vips_cache_set_max_mem(0)
        vips_cache_set_max_files(0)
    }

    /// Only three loaders are ever called, by name. Blocking the rest keeps a later mistake from opening the large
    /// attack surface of the others (PDF, SVG, TIFF and ImageMagick's hundred formats).
    private static func blockUnusedLoaders() {
        vips_block_untrusted_set(1)
        vips_operation_block_set("VipsForeignLoad", 1)
        for kind in ["Png", "Jpeg", "Webp"] {
            vips_operation_block_set("VipsForeignLoad\(kind)", 0)
        }
    }
}
