public import Domain
public import Images
public import JobLife
public import Keys
public import Logging

/// All that the HTTP faces need from the rooms below.
public struct APIServices: Sendable {
    /// Turns keys into callers.
    public var keys: KeyVerifier
    /// Judges prompts before step 1.
    public var moderate: Moderate
    /// Step 1 of a job's life.
    public var admit: Admit
    /// Reads tasks for their owners.
    public var tasks: TaskQuery
    /// Withdraws tasks.
    public var cancel: Cancel
    /// What can be ordered.
    public var models: ModelCatalog
    /// Waits for changes of tasks.
    public var watch: TaskWatch
    /// What an account's callbacks are signed with now, the newest first.
    public var callbackSecrets: @Sendable (_ accountID: Int64) async throws -> [CallbackSecret]
    /// Credits for their owners.
    public var credits: CreditAccess
    /// Where pictures are.
    public var store: any ImageStore
    /// Takes the pictures of requests.
    public var inputs: InputIntake
    /// Reads the bodies that may hold pictures.
    let bodies = PictureBodies()
    /// The replies that hold all pictures of a task themselves and are in memory at once.
    public var pictureReplies = ByteBudget()
    /// Links to pictures.
    public var links: SignedLinks
    /// The wire formats.
    public var dialects: Dialects
    /// Addresses that may be named as callbacks.
    public var egress: EgressRule
    /// Why this node cannot serve, nil when it can.
    public var notReadyReason: @Sendable () async -> String?
    /// Seconds since 1970.
    public var nowSeconds: @Sendable () -> Int64
    /// How long a request may wait for the picture that it asks for, in seconds.
    public var imageWaitSeconds = 300.0
    /// Where customers reach this service, without a slash at the end, for the documentation.
    public var publicURL = "http://127.0.0.1:8080"
    /// A provider called the address of ``ProviderCallbackRoutes`` with this token; answers at once whether it is one of ours.
    public var providerCalled: @Sendable (_ token: String) -> Bool = { _ in false }
    /// Where failures go.
    public var logger: Logger
    /// Proxies before this service, whose `X-Forwarded-For` is believed.
    public var trustedProxies: AddressList

    /// The rooms below, put together by the composition root.
    public init(
        keys: KeyVerifier, moderate: Moderate, admit: Admit, tasks: TaskQuery, watch: TaskWatch, cancel: Cancel,
        models: ModelCatalog, callbackSecrets: @escaping @Sendable (_ accountID: Int64) async throws -> [CallbackSecret],
        credits: CreditAccess, store: any ImageStore, inputs: InputIntake, links: SignedLinks, dialects: Dialects,
        egress: EgressRule, notReadyReason: @escaping @Sendable () async -> String?,
        nowSeconds: @escaping @Sendable () -> Int64, logger: Logger, trustedProxies: AddressList = .none
    ) {
        self.keys = keys
        self.moderate = moderate
        self.admit = admit
        self.tasks = tasks
        self.watch = watch
        self.cancel = cancel
        self.models = models
        self.callbackSecrets = callbackSecrets
        self.credits = credits
        self.store = store
        self.inputs = inputs
        self.links = links
        self.dialects = dialects
        self.egress = egress
        self.notReadyReason = notReadyReason
        self.nowSeconds = nowSeconds
        self.logger = logger
        self.trustedProxies = trustedProxies
    }
}
