// Almost every libvips operation takes its options as a NULL-terminated variadic list, and Swift cannot call variadic C.
// Each wrapper below fixes one list of options, so that Swift sees an ordinary function and nobody can pass others.
// All of them return 0, or -1 with a text in libvips's error buffer. An image in `out` is a reference that the caller owns.
#ifndef ZIMAGE_CLIBVIPS_SHIM_H
#define ZIMAGE_CLIBVIPS_SHIM_H

#include <vips/vips.h>

static inline void zvips_ignore_log(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer user) {
    (void)domain; (void)level; (void)message; (void)user;
}

// GLib's log functions take a bit set of C enum values, which Swift imports as a type without `|`. A damaged upload makes
// libvips log warnings on standard error; the caller gets the error anyway, and a customer must not write our log.
static inline void zvips_silence_warnings(void) {
    g_log_set_handler("VIPS", (GLogLevelFlags)(G_LOG_LEVEL_WARNING | G_LOG_LEVEL_INFO), zvips_ignore_log, NULL);
}

// The plain function takes gpointer through a macro with a cast that Swift cannot see.
static inline void zvips_unref(VipsImage *image) { g_object_unref(image); }

// Variadic. `fail_on` error also covers truncation; `sequential` decodes top to bottom, so memory stays flat.
static inline int zvips_load_png(const void *bytes, size_t count, VipsImage **out) {
    return vips_pngload_buffer((void *)bytes, count, out,
        "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, NULL);
}

// Variadic. The same options as for PNG; libvips keeps its limit on progressive scans because `unlimited` is not set.
static inline int zvips_load_jpeg(const void *bytes, size_t count, VipsImage **out) {
    return vips_jpegload_buffer((void *)bytes, count, out,
        "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, NULL);
}

// Variadic. Only the first frame of an animation is loaded, because `n` stays 1.
static inline int zvips_load_webp(const void *bytes, size_t count, VipsImage **out) {
    return vips_webpload_buffer((void *)bytes, count, out,
        "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, NULL);
}

// Variadic. `strip` leaves out all metadata. The Paeth filter alone is within 2 per cent of trying all, in less time.
static inline int zvips_save_png(VipsImage *in, void **bytes, size_t *count) {
    return vips_pngsave_buffer(in, bytes, count,
        "strip", TRUE, "compression", 6, "filter", VIPS_FOREIGN_PNG_FILTER_PAETH, NULL);
}

// Variadic. JPEG has no transparency: libvips flattens on the given background, and white is what a browser shows.
static inline int zvips_save_jpeg(VipsImage *in, void **bytes, size_t *count, int quality) {
    VipsArrayDouble *white = vips_array_double_newv(3, 255.0, 255.0, 255.0);
    int result = vips_jpegsave_buffer(in, bytes, count,
        "strip", TRUE, "Q", quality, "optimize_coding", TRUE, "background", white, NULL);
    vips_area_unref(VIPS_AREA(white));
    return result;
}

// Variadic. Effort 2 of 6 takes half the time of the default and costs a few per cent of size.
static inline int zvips_save_webp(VipsImage *in, void **bytes, size_t *count, int quality) {
    return vips_webpsave_buffer(in, bytes, count,
        "strip", TRUE, "Q", quality, "effort", 2, NULL);
}

// Variadic. `width` wraps, and word-char breaks words that are longer than a line. At 72 dots per inch a point is a pixel.
static inline int zvips_text(VipsImage **out, const char *markup, const char *font, int width, int spacing) {
    return vips_text(out, markup,
        "font", font, "width", width, "wrap", VIPS_TEXT_WRAP_WORD_CHAR, "spacing", spacing, "dpi", 72, NULL);
}

// Variadic. Paints `ink` (as many numbers as `image` has bands) through `mask`, in place, clipped to the image.
static inline int zvips_draw_mask(VipsImage *image, const double *ink, int count, VipsImage *mask, int x, int y) {
    return vips_draw_mask(image, (double *)ink, count, mask, x, y, NULL);
}

// Variadic. Grey, CMYK and 16-bit pictures become 8-bit sRGB.
static inline int zvips_to_srgb(VipsImage *in, VipsImage **out) {
    return vips_colourspace(in, out, VIPS_INTERPRETATION_sRGB, NULL);
}

// Variadic. Scales until both sides are covered and cuts off what hangs over, the same on both sides. Exact in size.
static inline int zvips_cover(VipsImage *in, VipsImage **out, int width, int height) {
    return vips_thumbnail_image(in, out, width,
        "height", height, "size", VIPS_SIZE_BOTH, "crop", VIPS_INTERESTING_CENTRE, NULL);
}

// Variadic. Lays a picture with transparency on a plain ground, which leaves three bands.
static inline int zvips_flatten(VipsImage *in, VipsImage **out, double red, double green, double blue) {
    VipsArrayDouble *ground = vips_array_double_newv(3, red, green, blue);
    int result = vips_flatten(in, out, "background", ground, NULL);
    vips_area_unref(VIPS_AREA(ground));
    return result;
}

// Variadic. Makes the picture larger to the right and below; what is new mirrors what is there.
static inline int zvips_extend(VipsImage *in, VipsImage **out, int width, int height) {
    return vips_embed(in, out, 0, 0, width, height, "extend", VIPS_EXTEND_MIRROR, NULL);
}

// Variadic. Keeps the top left corner of the picture.
static inline int zvips_crop(VipsImage *in, VipsImage **out, int width, int height) {
    return vips_crop(in, out, 0, 0, width, height, NULL);
}

// Variadic. Takes each pixel from one of two pictures of the same size, never a mixture.
static inline int zvips_choose(VipsImage *mask, VipsImage *nonzero, VipsImage *zero, VipsImage **out) {
    return vips_ifthenelse(mask, nonzero, zero, out, NULL);
}

// Variadic. Turns the picture the way that its Exif orientation says.
static inline int zvips_autorot(VipsImage *in, VipsImage **out) {
    return vips_autorot(in, out, NULL);
}

#endif
