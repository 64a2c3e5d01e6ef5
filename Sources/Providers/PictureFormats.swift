import Domain
import Vips

extension ImageFormat {
    /// The same for the library that encodes.
    var pictureFormat: PictureFormat {
        switch self {
        case .webp: .webp
        case .png: .png
        case .jpeg: .jpeg
        }
    }
}
