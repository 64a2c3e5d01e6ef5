/// A picture that a customer gives: named, and fetched by us just before it is needed, or sent, and then kept in the
/// image store, because megabytes have no place in the row of a task.
public enum InputPicture: Sendable, Equatable {
    /// Where the customer serves it; checked as a ``CustomerURL``.
    case url(String)
    /// Its path in the image store.
    case stored(String)
}

/// The pictures that a task starts from. There is no mask without a picture.
public struct ImageInputs: Sendable, Equatable {
    /// The picture to change.
    public var image: InputPicture
    /// Where it is changed: white is repainted, black is kept. As large as the picture.
    public var mask: InputPicture?
    /// How far the result may leave the picture: 0 is the picture itself, 1 as if there were none.
    public var strength: Double

    /// What strength can be.
    public static let strengths = 0.0...1.0

    /// What a request without strength gets: the defaults of the engines' library (0.6 to edit, 1 to inpaint), fixed here
    /// so that every provider draws the same request alike.
    public static func standardStrength(hasMask: Bool) -> Double { hasMask ? 1 : 0.6 }

    /// Inputs whose values have been checked; without a strength the standard one.
    public init(image: InputPicture, mask: InputPicture? = nil, strength: Double? = nil) {
        self.image = image
        self.mask = mask
        self.strength = strength ?? Self.standardStrength(hasMask: mask != nil)
    }

    /// What is done with them.
    public var operation: TaskOperation { mask == nil ? .edit : .inpaint }

    /// Where those that were sent are kept.
    public var storedPaths: [String] {
        [image, mask].compactMap { picture in
            guard case .stored(let path)? = picture else { return nil }
            return path
        }
    }

    var json: JSON {
        var members = [("image", image.json)]
        if let mask { members.append(("mask", mask.json)) }
        // The shortest digits that read back as the same number.
        return .object(members + [("strength", .raw("\(strength)"))])
    }
}

extension InputPicture {
    var json: JSON {
        switch self {
        case .url(let text): .object([("url", .string(text))])
        case .stored(let path): .object([("stored", .string(path))])
        }
    }
}

extension ImageInputs: Codable {}

extension InputPicture: Codable {
    private enum CodingKeys: String, CodingKey {
        case url, stored
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        if let text = try fields.decodeIfPresent(String.self, forKey: .url) {
            self = .url(text)
        } else {
            self = .stored(try fields.decode(String.self, forKey: .stored))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .url(let text): try fields.encode(text, forKey: .url)
        case .stored(let path): try fields.encode(path, forKey: .stored)
        }
    }
}

/// The pictures that a task starts from, ready for a provider: PNG files in the size of the result.
public struct PreparedInputs: Sendable, Equatable {
    /// The picture to change, in RGB.
    public let image: [UInt8]
    /// Where it is changed: pixels are white (repainted) or black (kept), in RGB.
    public let mask: [UInt8]?
    /// How far the result may leave the picture, 0 to 1.
    public let strength: Double

    /// Pictures that were decoded, scaled and encoded.
    public init(image: [UInt8], mask: [UInt8]?, strength: Double) {
        self.image = image
        self.mask = mask
        self.strength = strength
    }
}
