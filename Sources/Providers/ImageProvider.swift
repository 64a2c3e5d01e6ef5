public import Domain

/// What a provider is asked for: one picture.
public struct ProviderJob: Sendable {
    /// What to draw; its seed is this picture's.
    public let image: ImageRequest
    /// The model, by the provider's own name for it.
    public let model: String
    /// The pictures to start from, in the size of the result; nil when the picture is drawn from the prompt alone.
    public let inputs: PreparedInputs?
    /// Our name for the submit, the same whenever it is repeated: an idempotency key where the provider takes one.
    public let reference: String
    /// Where the provider may say that the job has ended; nil: nowhere. Only for those that call back: see
    /// ``Capabilities/callsBack``.
    public let callbackURL: String?

    /// A job for a provider.
    public init(
        image: ImageRequest, model: String, inputs: PreparedInputs? = nil, reference: String = "",
        callbackURL: String? = nil
    ) {
        self.image = image
        self.model = model
        self.inputs = inputs
        self.reference = reference
        self.callbackURL = callbackURL
    }
}

/// Somebody who makes pictures. A hosted API, a GPU engine and the sandbox look the same from here.
///
/// No function throws: what a call means for the money is part of its answer. ``SubmitAnswer/refused(_:)`` is only said
/// where nothing will be charged; whoever cannot tell says ``SubmitAnswer/unknown(_:)``.
public protocol ImageProvider: Sendable {
    /// The name in reports and routes.
    var name: String { get }
    /// What it can do. It is never asked for anything else: a provider that ignores a mask makes a wrong picture and bills it.
    var capabilities: Capabilities { get }
    /// Hands a job over, or makes the picture where it answers at once. Cancelling the task ends the call.
    /// - Parameter progress: told how far the work is, in percent, by those that answer at once.
    func submit(_ job: ProviderJob, progress: @escaping @Sendable (Int) -> Void) async -> SubmitAnswer
    /// How a job stands. Not called where submits answer at once.
    /// - Parameter id: the provider's own id, from its answer to the submit.
    func poll(_ id: String) async -> PollAnswer
    /// Asks to stop a job. Called only where it ``Capabilities/cancels``.
    func cancel(_ id: String) async -> CancelAnswer
    /// Gets a picture that ``PollAnswer/made(_:)`` linked to.
    func fetch(_ link: String) async throws(ProviderFault) -> [UInt8]
    /// Tries address, key and model without buying anything, one step after the other, as `zadmin provider test` shows them.
    func test(model: String) async -> [ProviderCheck]
}

extension ImageProvider {
    /// Whether a job may be sent here at all.
    public func takes(_ image: ImageRequest) -> Bool { capabilities.takes(image) }
}
