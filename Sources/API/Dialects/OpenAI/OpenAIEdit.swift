import Crypto
import Domain
import Foundation
import Images

/// The body of an edit: the fields and the pictures, from a form, as OpenAI's clients send it, or from JSON.
struct OpenAIEdit {
    let fields: OpenAIFields
    let image: InputIntake.Given
    let mask: InputIntake.Given?

    /// Reads a body as its type says.
    static func read(_ body: [UInt8], contentType: String?) throws(APIError) -> OpenAIEdit {
        guard MultipartForm.isMeant(by: contentType) else { return try OpenAIEdit(json: Data(body)) }
        let form: MultipartForm
        do { form = try MultipartForm(body, contentType: contentType ?? "") } catch { throw .invalid(nil, error.description) }
        return try OpenAIEdit(form)
    }

    private init(json: Data) throws(APIError) {
        let wire = try Fields.decode(Wire.self, from: json)
        fields = try Fields.decode(OpenAIFields.self, from: json)
        image = .named(try Self.only(wire.images))
        mask = wire.mask.map { .named($0) }
    }

    /// Texts become the JSON that a client without pictures would have sent, so that there is one reader for both.
    private init(_ form: MultipartForm) throws(APIError) {
        var images: [ArraySlice<UInt8>] = []
        var masks: [ArraySlice<UInt8>] = []
        var members: [(String, JSON)] = []
        for part in form.parts {
            switch part.name {
            case "image", "image[]": images.append(part.bytes)
            case "mask": masks.append(part.bytes)
            default:
                guard !members.contains(where: { $0.0 == part.name }) else {
                    throw .invalid(part.name, "\(part.name) must be sent once.")
                }
                members.append((part.name, try Self.value(part)))
            }
        }
        fields = try Fields.decode(OpenAIFields.self, from: Data(JSON.object(members).bytes))
        image = .file(Array(try Self.only(images)))
        guard masks.count <= 1 else { throw .invalid("mask", "mask must be sent once.") }
        mask = masks.first.map { .file(Array($0)) }
    }

    private static func only<Element>(_ images: [Element]) throws(APIError) -> Element {
        guard let image = images.first else { throw .invalid("image", "image is required: send the picture to edit.") }
        guard images.count == 1 else { throw .invalid("image", "image must be one picture: the models edit one at a time.") }
        return image
    }

    private static func value(_ part: MultipartForm.Part) throws(APIError) -> JSON {
        guard let text = String(validating: part.bytes, as: UTF8.self) else {
            throw .invalid(part.name, "\(part.name) must be UTF-8 text.")
        }
        switch part.name {
        case _ where OpenAIFields.wholeNumbers.contains(part.name): return Int64(text).map(JSON.int) ?? .string(text)
        case _ where OpenAIFields.numbers.contains(part.name):
            guard let number = Double(text), number.isFinite else { return .string(text) }
            return .raw("\(number)")
        case _ where OpenAIFields.switches.contains(part.name): return Bool(text).map(JSON.bool) ?? .string(text)
        default: return .string(text)
        }
    }

    /// What says whether a repeated request brings the same pictures.
    var canonical: [(String, JSON)] {
        [
            ("image", Self.canonical(image)), ("mask", mask.map(Self.canonical) ?? .null),
            ("strength", fields.strength.map { .raw("\($0)") } ?? .null),
        ]
    }

    private static func canonical(_ picture: InputIntake.Given) -> JSON {
        switch picture {
        case .file(let bytes): .string("sha256 \(Data(SHA256.hash(data: bytes)).base64EncodedString())")
        case .named(let text): .string(text)
        }
    }
}

extension OpenAIEdit {
    /// `images: [{"image_url": ...}]` and `mask: {"image_url": ...}` as OpenAI has them, or plain texts, also as `image`.
    private struct Wire: Decodable {
        let images: [String]
        let mask: String?

        private enum CodingKeys: String, CodingKey { case image, images, mask }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            let word = #"a data URI, an https:// URL, or {"image_url": ...} with one of them"#
            mask = try fields.field(.mask, Named.self, word)?.text
            if fields.contains(.images) {
                images = try fields.field(.images, [Named].self, "a list with \(word)")?.map(\.text) ?? []
            } else {
                images = try fields.field(.image, Named.self, word).map { [$0.text] } ?? []
            }
        }
    }

    private struct Named: Decodable {
        let text: String

        private enum CodingKeys: String, CodingKey { case url = "image_url" }

        init(from decoder: any Decoder) throws {
            if let text = try? decoder.singleValueContainer().decode(String.self) {
                self.text = text
            } else {
                text = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .url)
            }
        }
    }
}
