import Domain
import Foundation
import Images
import Reports

/// What replies of several dialects tell about a task.
extension TaskView {
    private struct StoredImage: Decodable { let path: String }

    /// Where its pictures are.
    var imagePaths: [ImagePath] {
        let images = try? JSONDecoder().decode([StoredImage].self, from: Data((imagesText ?? "[]").utf8))
        return (images ?? []).compactMap { ImagePath($0.path) }
    }

    /// When the links to them end, in seconds since 1970.
    var linksExpireSeconds: Int64 {
        Int64((finishedAt ?? createdAt).timeIntervalSince1970.rounded(.down)) + Int64(Limits.linkSeconds)
    }

    /// How long the customer may expect to wait still.
    var secondsLeft: Int64 {
        guard !state.isFinal else { return 0 }
        // The model's figure is for one picture, and they are made one after the other.
        return Int64(estimatedSeconds * (request?.pictures ?? 1)) * Int64(100 - progress) / 100
    }
}
