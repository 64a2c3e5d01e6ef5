internal import CLibvips

/// Why libvips, or a check in front of it, refused.
///
/// `reason` and `message` come from this module alone. `libraryText` is for logs: libvips keeps one error buffer for the
/// whole process, so under concurrency the text may belong to another thread's failure and must never reach a customer.
public struct VipsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Who can do something about it: the first two are the operator's, the third the caller's, the rest the sender's.
    public enum Reason: Sendable, Equatable {
        /// libvips could not start; no picture can be handled by this process.
        case unavailable
        /// An operation failed on good input, for lack of memory or of a font.
        case operationFailed
        /// An argument is outside its documented range.
        case invalidArgument
        /// The bytes are not a PNG, JPEG or WebP file.
        case unsupportedFormat
        /// The file has more bytes, pixels or pixels a side than the limits allow.
        case tooLarge
        /// The file has the right signature but cannot be decoded to its end.
        case damaged
    }

    /// The class of the failure.
    public let reason: Reason
    /// One sentence for the reader that says what to change.
    public let message: String
    /// What libvips wrote, at most 500 characters, empty where libvips was not asked; for logs only.
    public let libraryText: String

    /// Makes an error of the given class; `libraryText` is cut after 500 characters.
    public init(_ reason: Reason, _ message: String, libraryText: String = "") {
        self.reason = reason
        self.message = message
        self.libraryText = String(libraryText.prefix(500))
    }

    /// The message and, in parentheses, what libvips wrote.
    public var description: String {
        libraryText.isEmpty ? message : "\(message) (libvips: \(libraryText))"
    }

    /// Makes an error from libvips's buffer and empties it in the same locked step, so that no failure is reported twice.
    static func fromLibrary(_ reason: Reason, _ message: String) -> VipsError {
        guard let text = vips_error_buffer_copy() else { return VipsError(reason, message) }
        defer { g_free(text) }
        let line = String(cString: text).split(whereSeparator: \.isNewline).joined(separator: "; ")
        return VipsError(reason, message, libraryText: line)
    }
}
