public import Curl
public import Domain

/// Which wire format a provider speaks.
public enum ProviderKind: String, Sendable, CaseIterable {
    case novita, highway, unified, zimageturbo
    case openaiImages = "openai-images"
}

/// Which program is at the other end, where several speak one wire format and each understands other fields of it.
public enum EngineDialect: String, Sendable, CaseIterable {
    case reference, sglang, openai
    /// The API of AUTOMATIC1111, which sd-server of stable-diffusion.cpp, SD.Next and Forge have.
    case sdapi
    case vllmOmni = "vllm-omni"
    /// Another installation of this product.
    case zimage
}

extension ProviderKind {
    /// The programs that speak it; empty where there is one alone.
    public var engines: [EngineDialect] {
        switch self {
        case .novita, .highway, .zimageturbo: []
        case .unified: [.zimage]
        case .openaiImages: EngineDialect.allCases
        }
    }

    /// Whether it has to be said which.
    public var needsEngine: Bool { self == .openaiImages }

    /// What calls a provider.
    public static func provider(_ settings: ProviderSettings, _ access: ProviderAccess) -> any ImageProvider {
        switch settings.kind {
        case .novita, .highway: V3Provider(settings: settings, access: access)
        case .unified: UnifiedProvider(settings: settings, access: access, isOurs: settings.engine == .zimage)
        case .zimageturbo: ZImageTurboProvider(settings: settings, access: access)
        case .openaiImages: OpenAIImagesProvider(settings: settings, access: access)
        }
    }
}

/// How a provider is reached and what it is expected to bill.
public struct ProviderSettings: Sendable, Equatable {
    /// The name in reports and routes.
    public var name: String
    /// What it speaks.
    public var kind: ProviderKind
    /// Which program it is: always for ``ProviderKind/openaiImages``, `zimage` or nil for ``ProviderKind/unified``, else nil.
    public var engine: EngineDialect?
    /// Where it is, such as `https://api.novita.ai`, without a slash at the end.
    public var baseURL: String
    /// Its key, sent as a bearer token; nil for an engine that wants none.
    public var secret: String?
    /// Whether it may be at an address of a private network.
    public var allowsPrivate: Bool
    /// What a picture is expected to cost; nil for one's own engine, which bills nothing.
    public var cost: ProviderCost?
    /// How long a submit may take to be answered, in seconds; where it answers with the picture, that long.
    public var timeoutSeconds: Double

    /// Whether nothing is lost when a job is made twice. A hosted API bills, also when nobody says how much.
    public var billsNothing: Bool { kind == .openaiImages && cost == nil }

    /// A provider's settings.
    public init(
        name: String, kind: ProviderKind, engine: EngineDialect? = nil, baseURL: String, secret: String? = nil,
        allowsPrivate: Bool = false, cost: ProviderCost? = nil, timeoutSeconds: Double = 60
    ) {
        self.name = name
        self.kind = kind
        self.engine = engine
        self.baseURL = baseURL
        self.secret = secret
        self.allowsPrivate = allowsPrivate
        self.cost = cost
        self.timeoutSeconds = timeoutSeconds
    }
}

/// What providers call with.
public struct ProviderAccess: Sendable {
    /// The calls.
    public let transfers: Transfers
    /// The addresses that may be called by those that are not allowed private ones.
    public let egress: EgressRule
    /// A PEM file of authorities that are trusted besides the system's, or nil.
    public let caFile: String?
    /// Told `before provider_submit`, `after provider_submit` and the like around each call; nil in normal operation.
    public let watch: (@Sendable (String) -> Void)?

    /// What providers call with.
    public init(
        transfers: Transfers, egress: EgressRule, caFile: String? = nil, watch: (@Sendable (String) -> Void)? = nil
    ) {
        self.transfers = transfers
        self.egress = egress
        self.caFile = caFile
        self.watch = watch
    }
}
