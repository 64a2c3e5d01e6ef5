/// The field of a request that an input picture or its use came in; dialects put their own names for it.
public enum InputField: String, Sendable, CaseIterable {
    case image = "image_url"
    case mask
    case strength
}

/// Why a task cannot start from the pictures that a customer gave. It names the field and tells what to change.
public struct InputError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong; dialects have different words and statuses for each.
    public enum Fault: Sendable, CaseIterable {
        /// The value has the wrong form, or another field is missing.
        case malformed
        /// The URL is not one that we call, or what it names cannot be had.
        case unreachable
        /// The file has too many bytes.
        case fileTooLarge
        /// The file is no PNG, JPEG or WebP with one frame.
        case formatUnsupported
        /// The file is broken or cut short.
        case damaged
        /// Width or height are too small or too large.
        case sizeOutOfRange
        /// The mask has another size than the picture.
        case sizeMismatch
    }

    /// What is wrong.
    public let fault: Fault
    /// The field at fault.
    public let field: InputField
    /// One or two sentences that follow the field's name: what is wrong and what to do.
    public let reason: String

    /// A fault of a field.
    public init(_ fault: Fault, _ field: InputField, _ reason: String) {
        self.fault = fault
        self.field = field
        self.reason = reason
    }

    /// The error code of a task that fails for it, in the words of the unified dialect.
    public var code: String {
        switch fault {
        case .malformed: "invalid_parameters"
        case .unreachable, .fileTooLarge, .formatUnsupported, .damaged: "image_processing_error"
        case .sizeOutOfRange, .sizeMismatch: "image_dimension_mismatch"
        }
    }

    /// The field's name and the reason.
    public var description: String { message(naming: field.rawValue) }

    /// The same with the name that a dialect has for the field.
    public func message(naming name: String) -> String { "\(name): \(reason)" }
}
