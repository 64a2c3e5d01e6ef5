/// Plain text as Pango reads it. libvips always parses its text as markup, so a prompt with `<b>` or `&` in it would
/// otherwise be styled or refused.
enum PangoMarkup {
    /// Text longer than this is cut: Pango's time and memory grow with it, and no picture shows more.
    static let scalarsLimit = 8_000

    /// Escapes markup and drops what has no place on a picture: control characters (a NUL would end the C string), and
    /// invisible format characters, which could reverse the text that follows. Newlines stay; emoji keep their joiner.
    static func escaping(_ text: String) -> String {
        var markup = ""
        for scalar in text.unicodeScalars.prefix(scalarsLimit) {
            switch scalar {
            case "&": markup += "&amp;"
            case "<": markup += "&lt;"
            case ">": markup += "&gt;"
            case "\"": markup += "&quot;"
            case "'": markup += "&#39;"
            case "\n", "\u{200D}": markup.unicodeScalars.append(scalar)
            default: markup.unicodeScalars.append(isDrawable(scalar) ? scalar : " ")
            }
        }
        return markup
    }

    private static func isDrawable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse: false
        default: true
        }
    }
}
