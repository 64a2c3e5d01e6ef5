public import Domain
public import Foundation

/// For which model a provider is asked, and when.
public struct ProviderRoute: Sendable, Equatable {
    /// The model, by our name.
    public var model: String
    /// What is done; nil is every operation.
    public var operation: TaskOperation?
    /// The group that it is for; nil is every group without a route of its own.
    public var group: ProviderGroup?
    /// The provider's own name of the model.
    public var upstreamModel: String
    /// 1...1000, the lower is asked first.
    public var priority: Int
    /// 1...1000, the share among routes of one priority.
    public var weight: Int

    /// A route.
    public init(
        model: String, operation: TaskOperation? = nil, group: ProviderGroup? = nil, upstreamModel: String? = nil,
        priority: Int = 1, weight: Int = 1
    ) {
        self.model = model
        self.operation = operation
        self.group = group
        self.upstreamModel = upstreamModel ?? model
        self.priority = priority
        self.weight = weight
    }
}

/// A user group as routes name it.
public struct ProviderGroup: Sendable, Hashable {
    /// Its number.
    public let id: Int32
    /// Its name.
    public let name: String

    /// A group.
    public init(id: Int32, name: String) {
        self.id = id
        self.name = name
    }
}

/// A provider as the operator set it up, with its routes.
public struct RoutedProvider: Sendable, Equatable {
    /// Its number.
    public let id: Int32
    /// How it is reached. Without its secret when that does not open; see ``fault``.
    public var settings: ProviderSettings
    /// Whether new jobs may be sent to it. Those that it has are still asked for.
    public var isEnabled: Bool
    /// Jobs at once over all nodes; nil is no limit.
    public var maxRunning: Int?
    /// Submits per minute over all nodes; nil is no limit.
    public var requestsPerMinute: Int?
    /// How long a job may stay without an answer.
    public var deadlineSeconds: Int
    /// When it was added.
    public let createdAt: Date
    /// Whether a secret is stored, whether it opens or not.
    public var hasSecret: Bool
    /// Why it cannot be used at all, and what to do; nil when it can.
    public var fault: String?
    /// Its routes, by model and priority.
    public var routes: [ProviderRoute]

    /// A provider with its routes.
    public init(
        id: Int32, settings: ProviderSettings, isEnabled: Bool = true, maxRunning: Int? = nil, requestsPerMinute: Int? = nil,
        deadlineSeconds: Int = 600, createdAt: Date = .distantPast, fault: String? = nil, routes: [ProviderRoute] = []
    ) {
        self.id = id
        self.settings = settings
        self.isEnabled = isEnabled
        self.maxRunning = maxRunning
        self.requestsPerMinute = requestsPerMinute
        self.deadlineSeconds = deadlineSeconds
        self.createdAt = createdAt
        hasSecret = settings.secret != nil
        self.fault = fault
        self.routes = routes
    }

    /// The name in reports and routes.
    public var name: String { settings.name }
}
