import Domain
import Foundation
import Images
import Reports

/// A completed task in the words of this dialect.
struct OpenAIResult {
    /// What the replies to an image and to an edit differ in.
    enum Route: String { case generation = "image_generation", edit = "image_edit" }

    private struct StoredImage: Decodable {
        let path: String
        let width: Int
        let height: Int
    }

    private let task: TaskView
    private let quality: String
    private let image: StoredImage
    private let path: ImagePath

    /// Throws the task's own failure, where it has no picture.
    init(_ task: TaskView, quality: String) throws(APIError) {
        guard task.state == .completed else { throw APIError(endOf: task) }
        let stored = try? JSONDecoder().decode([StoredImage].self, from: Data((task.imagesText ?? "[]").utf8))
        guard let image = stored?.first, let path = ImagePath(image.path) else { throw .unforeseen }
        self.task = task
        // The models have one quality; the type of the reply has no word for "whichever there is".
        self.quality = ["low", "medium", "high", "xhigh", "max"].contains(quality) ? quality : "high"
        self.image = image
        self.path = path
    }

    /// `{"created", "data": [{"url"}], ...}`.
    func reply(_ links: SignedLinks) -> JSON {
        reply([("url", .string(links.link(to: path, expiresSeconds: task.linksExpireSeconds)))])
    }

    /// `{"created", "data": [{"b64_json"}], ...}`.
    func reply(_ store: any ImageStore) async throws -> JSON { reply([("b64_json", try await base64(store))]) }

    private func reply(_ data: [(String, JSON)]) -> JSON {
        .object([("created", .int(created)), ("data", .array([.object(data)]))] + about)
    }

    /// The event that ends a stream.
    func completed(_ route: Route, _ store: any ImageStore) async throws -> JSON {
        .object([
            ("type", .string("\(route.rawValue).completed")), ("b64_json", try await base64(store)), ("created_at", .int(created)),
        ] + about)
    }

    private var created: Int64 { Int64(task.createdAt.timeIntervalSince1970.rounded(.down)) }

    private var about: [(String, JSON)] {
        [
            ("size", .string("\(image.width)x\(image.height)")), ("quality", .string(quality)), ("background", .string("opaque")),
            ("output_format", .string(path.format.rawValue)), ("usage", usage),
        ]
    }

    /// Pictures are not billed by tokens, and the clients' types want the members; the price is beside them.
    private var usage: JSON {
        .object([
            ("input_tokens", .int(0)),
            ("input_tokens_details", .object([("image_tokens", .int(0)), ("text_tokens", .int(0))])),
            ("output_tokens", .int(0)), ("total_tokens", .int(0)), ("credits_used", .credits(task.settled ?? task.reserved)),
        ])
    }

    private func base64(_ store: any ImageStore) async throws -> JSON {
        do throws(ImageStoreError) {
            let bytes = try await store.read(path)
            // Base64 needs no escapes, and there may be megabytes of it.
            return .raw("\"\(Data(bytes).base64EncodedString())\"")
        } catch {
            guard error == .notFound else { throw error }
            throw APIError(
                kind: .gone, message: "Pictures are kept for 24 hours; this one is gone.", suggestion: "generate it again",
                code: "image_expired")
        }
    }
}
