/// Why the store could not do something.
public enum ImageStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// No picture has that path, or it is gone.
    case notFound
    /// The path is not one that the store makes.
    case invalidPath
    /// The disk refused; the text is the system's.
    case failed(String)

    public var description: String {
        switch self {
        case .notFound: "no such picture: it may have been deleted after 24 hours"
        case .invalidPath: "not the path of a picture"
        case .failed(let reason): "the image store failed: \(reason); check ZIMAGE_DATA and the free space of its disk"
        }
    }
}

/// Where pictures are kept for as long as their links live.
public protocol ImageStore: Sendable {
    /// Keeps bytes under a path, durably: when it returns, a crash does not lose them.
    func put(_ bytes: [UInt8], at path: ImagePath) async throws(ImageStoreError)
    /// The bytes of a path.
    func read(_ path: ImagePath) async throws(ImageStoreError) -> [UInt8]
    /// Removes a path; one that is not there is fine.
    func delete(_ path: ImagePath) async throws(ImageStoreError)
    /// Removes all that was put before the links of its hour ended.
    /// - Returns: how many hours' worth was removed.
    func sweep(nowSeconds: Int64) async throws(ImageStoreError) -> Int
}
