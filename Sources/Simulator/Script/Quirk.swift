public import Providers

/// A way in which a provider differs from the plain reading of its documents: odd types that its own pages show, or parts
/// that may be absent.
public enum Quirk: String, Sendable, CaseIterable {
    case numbersAsStrings = "numbers-as-strings"
    case sparse
    case emptyTexts = "empty-texts"
    case base64DataURI = "base64-data-uri"
    case responseAsString = "response-as-string"
    case errorsAs200 = "errors-as-200"
    case otherSizes = "other-sizes"
    case noIdempotency = "no-idempotency"
    case noCancel = "no-cancel"
    case stringCodes = "string-codes"
    case localCallbacks = "local-callbacks"
    case detailErrors = "detail-errors"
    case textErrors = "text-errors"
    case maskByColour = "mask-by-colour"

    /// What it changes.
    public var meaning: String {
        switch self {
        case .numbersAsStrings: "numbers arrive as texts: \"3600\", \"0.34\""
        case .sparse: "members that may be absent are absent"
        case .emptyTexts: "unknown times are \"\" and the flag of a clean picture is {}, as in an example of the documents"
        case .base64DataURI: "base64 pictures are data URIs"
        case .responseAsString: "the list of links is JSON inside of a text"
        case .errorsAs200: "errors have the status 200, and only `code` tells them"
        case .otherSizes: "ratios stand for other sizes in pixels"
        case .noIdempotency: "Idempotency-Key is ignored: each submit is a job of its own"
        case .noCancel: "there is no route to cancel"
        case .stringCodes: "`error.code` is a text on every route"
        case .localCallbacks: "callbacks may go to http and private addresses"
        case .detailErrors: "errors are {\"detail\": ...}"
        case .textErrors: "errors are {\"error\": \"...\"}"
        case .maskByColour: "a mask is read by its colours, not by its transparency"
        }
    }

    /// The kinds that can have it.
    public var kinds: Set<ProviderKind> {
        switch self {
        case .numbersAsStrings, .sparse: Set(ProviderKind.allCases).subtracting([.openaiImages])
        case .emptyTexts, .base64DataURI: [.novita, .highway]
        case .responseAsString, .errorsAs200: [.zimageturbo]
        case .otherSizes: [.zimageturbo, .unified]
        case .noIdempotency, .noCancel, .stringCodes, .localCallbacks: [.unified]
        case .detailErrors, .textErrors, .maskByColour: [.openaiImages]
        }
    }
}
