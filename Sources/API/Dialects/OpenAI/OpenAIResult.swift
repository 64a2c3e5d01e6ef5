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
        let bytes: Int
    }

    private let task: TaskView
    private let quality: String
    /// In order, at least one.
    private let images: [(size: ImageSize, path: ImagePath)]
    /// How large the reply with the pictures in it is, nearly.
    let inlineBytes: Int

    /// Throws the task's own failure, where it has no picture.
    init(_ task: TaskView, quality: String) throws(APIError) {
        guard task.state == .completed else { throw APIError(endOf: task) }
        let stored = try? JSONDecoder().decode([StoredImage].self, from: Data((task.imagesText ?? "[]").utf8))
        images = (stored ?? []).compactMap { image in
            ImagePath(image.path).map { (ImageSize(width: image.width, height: image.height), $0) }
        }
        guard !images.isEmpty else { throw .unforeseen }
        inlineBytes = (stored ?? []).reduce(0) { $0 + ($1.bytes + 2) / 3 * 4 }
        self.task = task
        // The models have one quality; the type of the reply has no word for "whichever there is".
        self.quality = ["low", "medium", "high", "xhigh", "max"].contains(quality) ? quality : "high"
    }

    /// `{"created", "data": [{"url"}], ...}`.
    func reply(_ links: SignedLinks) -> JSON {
        reply(images.map { ("url", .string(links.link(to: $0.path, expiresSeconds: task.linksExpireSeconds))) })
    }

    /// `{"created", "data": [{"b64_json"}], ...}`.
    func reply(_ store: any ImageStore) async throws -> JSON {
        var data: [(String, JSON)] = []
        for image in images { data.append(("b64_json", try await base64(image.path, store))) }
        return reply(data)
    }

    private func reply(_ data: [(String, JSON)]) -> JSON {
        .object([("created", .int(created)), ("data", .array(data.map { .object([$0]) }))] + about(0, credits: credits))
    }

    /// How many events end a stream: one for each picture.
    var eventCount: Int { images.count }

    /// The event of one of its pictures, counted from 0. The last one tells what the task cost, so that the events add up to it.
    func completed(_ index: Int, _ route: Route, _ store: any ImageStore) async throws -> JSON {
        .object([
            ("type", .string("\(route.rawValue).completed")), ("b64_json", try await base64(images[index].path, store)),
            ("created_at", .int(created)),
        ] + about(index, credits: index == images.count - 1 ? credits : .zero))
    }

    private var created: Int64 { Int64(task.createdAt.timeIntervalSince1970.rounded(.down)) }
    private var credits: Credits { task.settled ?? task.reserved }

    private func about(_ index: Int, credits: Credits) -> [(String, JSON)] {
        let (size, path) = images[index]
        return [
            ("size", .string("\(size.width)x\(size.height)")), ("quality", .string(quality)), ("background", .string("opaque")),
            ("output_format", .string(path.format.rawValue)), ("usage", Self.usage(credits)),
        ]
    }

    /// Pictures are not billed by tokens, and the clients' types want the members; the price is beside them.
    private static func usage(_ credits: Credits) -> JSON {
        .object([
            ("input_tokens", .int(0)),
            ("input_tokens_details", .object([("image_tokens", .int(0)), ("text_tokens", .int(0))])),
            ("output_tokens", .int(0)), ("total_tokens", .int(0)), ("credits_used", .credits(credits)),
        ])
    }

    private func base64(_ path: ImagePath, _ store: any ImageStore) async throws -> JSON {
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
