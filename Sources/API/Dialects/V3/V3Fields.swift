import Domain

/// Checks of fields that both submits of the dialect have.
enum V3Fields {
    static let model = "z-image-turbo"
    static let seeds = -1...Limits.seeds.upperBound

    /// Nil stands for a random one, as -1 does.
    static func seed(_ seed: Int64?, param: String = "seed") throws(APIError) -> Int64? {
        guard let seed, seed != -1 else { return nil }
        guard seeds.contains(seed) else {
            throw .invalid(param, "\(param) must be -1 to \(seeds.upperBound); -1 is a random one.")
        }
        return seed
    }

    static func check(_ size: ImageSize, param: String) throws(APIError) {
        let sides = Limits.sidePixelsV3
        guard sides.contains(size.width), sides.contains(size.height) else {
            throw .invalid(param, "\(param): width and height must be \(sides.lowerBound) to \(sides.upperBound) pixels.")
        }
    }

    static func format(_ text: String?, standard: ImageFormat, param: String) throws(APIError) -> ImageFormat {
        guard let text, !text.isEmpty else { return standard }
        guard let format = ImageFormat(rawValue: text) else {
            throw .invalid(param, "\(param) must be jpeg, png or webp.")
        }
        return format
    }
}

/// The object `extra`. Null and `{}` are absent at every level, because the SDK sends all of its fields.
struct V3Extra: Decodable {
    let imageType: String?
    let nsfwCheck: Bool
    private let webhookURL: String?
    private let isTest: Bool
    private let hasCustomStorage: Bool

    private enum CodingKeys: String, CodingKey {
        case webhook
        case imageType = "response_image_type"
        case nsfwCheck = "enable_nsfw_detection"
        case customStorage = "custom_storage"
    }
    private enum WebhookKeys: String, CodingKey {
        case url
        case testMode = "test_mode"
    }
    private enum TestKeys: String, CodingKey { case enabled }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        imageType = try fields.field(.imageType, String.self, "jpeg, png or webp")
        nsfwCheck = try fields.field(.nsfwCheck, Bool.self, "true or false") ?? false
        hasCustomStorage = try fields.decodeIfPresent(Presence.self, forKey: .customStorage)?.isGiven ?? false
        guard let webhook = try fields.object(.webhook, WebhookKeys.self) else {
            (webhookURL, isTest) = (nil, false)
            return
        }
        webhookURL = try webhook.field(.url, String.self, "a string")
        isTest = try webhook.object(.testMode, TestKeys.self)?.field(.enabled, Bool.self, "true or false") ?? false
    }

    /// Checks what the service offers and returns the address for callbacks.
    func callbackURL(_ egress: EgressRule) throws(APIError) -> String? {
        guard !hasCustomStorage else {
            throw APIError(
                kind: .invalidRequest, message: "extra.custom_storage is not offered: leave it out and fetch the image from its link.",
                param: "extra.custom_storage", code: V3Errors.customOutput)
        }
        guard !isTest else {
            throw .invalid(
                "extra.webhook.test_mode",
                "extra.webhook.test_mode is not offered: use a test key, whose tasks are free and call the same URL.")
        }
        return try Fields.callback(webhookURL.flatMap { $0.isEmpty ? nil : $0 }, egress, param: "extra.webhook.url")
    }
}

extension KeyedDecodingContainer {
    /// The members of an object, or nil where it is absent or null.
    func object<Keys: CodingKey>(_ key: Key, _ keys: Keys.Type) throws -> KeyedDecodingContainer<Keys>? {
        guard contains(key), !(try decodeNil(forKey: key)) else { return nil }
        do { return try nestedContainer(keyedBy: keys, forKey: key) } catch {
            let path = (codingPath + [key]).map(\.stringValue).joined(separator: ".")
            throw APIError.invalid(path, "\(path) must be an object.")
        }
    }
}
