public import Domain

/// Why a key opens nothing.
public enum KeyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// No key was sent.
    case missing
    /// Not a key of this service: another shape, a wrong tag, an unknown selector or a wrong secret. They look the same
    /// from outside.
    case invalid
    /// Withdrawn.
    case revoked
    /// Past its date.
    case expired
    /// The key's account is suspended.
    case accountSuspended
    /// The key may not be used from where the request comes from.
    case addressForbidden
    /// The key may do other things, but not this.
    case rightMissing(KeyRight)
    /// Too many unknown keys are being checked at once, or out of memory.
    case busy
    /// The database cannot be asked, so nothing can be said about any key.
    case unavailable

    public var description: String {
        switch self {
        case .missing: "No API key: send it in the header 'Authorization: Bearer <key>'."
        case .invalid: "Invalid API key: check that it was copied whole."
        case .revoked: "This API key was revoked: use another one."
        case .expired: "This API key has expired: use another one."
        case .accountSuspended: "This account is suspended: ask the operator."
        case .addressForbidden:
            "This API key may not be used from this address: use it from one of its own, or ask the operator to add this one."
        case .rightMissing(let right):
            "This API key lacks the right '\(right.rawValue)': use a key that has it, or ask the operator for it."
        case .busy: "Too many keys are being checked: retry in a second."
        case .unavailable: "Keys cannot be checked right now: retry in a few seconds."
        }
    }
}
