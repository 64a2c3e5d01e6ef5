public import Domain

/// One request for a task, checked by its dialect, on its way into the database.
public struct Submission: Sendable {
    /// The key that pays.
    public let keyID: Int64
    /// The wallet of that key.
    public let walletID: Int64
    /// The model's name.
    public let model: String
    /// What is done.
    public let operation: TaskOperation
    /// The dialect that the request came in, for its replies and callbacks.
    public let dialect: String
    /// What to draw.
    public let image: ImageRequest
    /// Where to announce the end.
    public let callbackURL: String?
    /// The customer's `Idempotency-Key`.
    public let idempotencyKey: String?
    /// A digest of the request as the customer sent it, compared when the key is used again.
    public let fingerprint: [UInt8]

    /// A request whose values have been checked.
    public init(
        keyID: Int64, walletID: Int64, model: String, operation: TaskOperation, dialect: String, image: ImageRequest,
        callbackURL: String?, idempotencyKey: String?, fingerprint: [UInt8]
    ) {
        self.keyID = keyID
        self.walletID = walletID
        self.model = model
        self.operation = operation
        self.dialect = dialect
        self.image = image
        self.callbackURL = callbackURL
        self.idempotencyKey = idempotencyKey
        self.fingerprint = fingerprint
    }
}
