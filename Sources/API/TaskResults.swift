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
        let all = request?.secondsExpected(ofOne: estimatedSeconds) ?? Int64(estimatedSeconds)
        return all * Int64(100 - progress) / 100
    }
}

extension ImageRequest {
    /// How long all of its pictures take, which are made one after the other.
    func secondsExpected(ofOne seconds: Int) -> Int64 { Int64(seconds * pictures) }
}
